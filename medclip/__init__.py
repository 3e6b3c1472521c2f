"""medclip: medical multimodal foundation models. Research use only; not a medical device."""
