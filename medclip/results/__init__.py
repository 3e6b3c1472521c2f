"""What people look at: tables, figures and reports made from findings and evaluations."""
