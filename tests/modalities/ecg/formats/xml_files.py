"""Write ECGs in the XML of four makers by hand, and count heartbeats the plain way."""

from __future__ import annotations

import base64
import re
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from medclip.core.errors import FormatError
from medclip.core.modality import Format
from medclip.core.sample import Sample

Leads = Mapping[str, np.ndarray]
SECRET = re.compile("Secretsson|Anna|4711|Hidden|Doktorsson|19530508|1953-05-08|05-08-1953")


def message_of(form: Format, path: Path) -> str:
    """Return the message of the refusal, which is one line and names nobody."""
    with pytest.raises(FormatError) as caught:
        form.read(path)
    message = str(caught.value)
    assert "\n" not in message
    assert message.isprintable()
    assert len(message) < 700
    assert not SECRET.search(message.replace(str(path), ""))
    return message


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """Replace the first occurrence of each text, which must be there."""
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


def muse(leads: Leads, *, extra: str = "", declared: str = "ISO-8859-1") -> str:
    """Write int16 leads as MUSE does: 4.88 uV a step, 500 Hz, CRC-32 of each."""
    items = "".join(
        f"""
  <LeadData>
   <LeadByteCountTotal>{2 * len(samples)}</LeadByteCountTotal><LeadTimeOffset>0</LeadTimeOffset>
   <LeadSampleCountTotal>{len(samples)}</LeadSampleCountTotal>
   <LeadAmplitudeUnitsPerBit>4.88</LeadAmplitudeUnitsPerBit><LeadAmplitudeUnits>MICROVOLTS</LeadAmplitudeUnits>
   <LeadID>{lead}</LeadID><LeadOffsetFirstSample>0</LeadOffsetFirstSample><FirstSampleBaseline>0</FirstSampleBaseline>
   <LeadSampleSize>2</LeadSampleSize><LeadOff>FALSE</LeadOff>
   <LeadDataCRC32>{zlib.crc32(samples.astype("<i2").tobytes())}</LeadDataCRC32>
   <WaveFormData>{base64.encodebytes(samples.astype("<i2").tobytes()).decode()}</WaveFormData>
  </LeadData>"""
        for lead, samples in leads.items()
    )
    return f"""<?xml version="1.0" encoding="{declared}"?>
<!DOCTYPE RestingECG SYSTEM "restecg.dtd">
<RestingECG>
 <PatientDemographics><PatientID>4711</PatientID><PatientAge>67</PatientAge><AgeUnits>YEARS</AgeUnits>
  <DateofBirth>05-08-1953</DateofBirth><Gender>FEMALE</Gender>
  <PatientLastName>Secretsson</PatientLastName><PatientFirstName>Anna</PatientFirstName></PatientDemographics>
 <TestDemographics><AcquisitionDevice>MAC55</AcquisitionDevice><AcquisitionDate>11-22-2002</AcquisitionDate>
  <SiteName>Hidden Hospital</SiteName></TestDemographics>
 <Waveform><WaveformType>Median</WaveformType><LeadData/><LeadData/></Waveform>
 <Waveform><WaveformType>Rhythm</WaveformType><NumberofLeads>{len(leads)}</NumberofLeads>
  <SampleBase>500</SampleBase><SampleExponent>0</SampleExponent>
  <HighPassFilter>16</HighPassFilter><LowPassFilter>150</LowPassFilter><ACFilter>NONE</ACFilter>{items}
 </Waveform>{extra}
</RestingECG>
"""


def philips(
    leads: Leads, *, version: str = "1.04", encoding: str = "Base64", compression: str = "", content: str | None = None
) -> str:
    """Write integer leads as Philips does: 5 uV a step, 500 Hz; version 1.03 does not name its leads."""
    stored = np.stack(list(leads.values()))
    plain = " ".join(map(str, stored.ravel()))
    packed = base64.b64encode(stored.astype("<i2").tobytes()).decode()
    content = content or (plain if encoding == "Plain" else packed)
    named = version != "1.03"
    labels = f' numberofleads="{len(leads)}" leadlabels="{" ".join(leads)}"' if named else ""
    method = f' {"compression" if named else "compressmethod"}="{compression}"' if compression else ""
    return f"""<?xml version="1.0" encoding="utf-8"?>
<restingecgdata xmlns="http://www3.medical.philips.com">
 <documentinfo><documentversion>{version}</documentversion></documentinfo>
 <dataacquisition date="2002-11-22" time="15:19:22"><machine>PageWriter Touch</machine>
  <acquirer><institutionname>Hidden Hospital</institutionname></acquirer>
  <signalcharacteristics><samplingrate>500</samplingrate><signalresolution>5</signalresolution>
   <signalbandwidth>0.05-150</signalbandwidth><acquisitiontype>STD-12</acquisitiontype>
   <bitspersample>16</bitspersample><signaloffset>0</signaloffset><signalsigned>True</signalsigned>
   <numberchannelsallocated>{len(leads)}</numberchannelsallocated>
   <numberchannelsvalid>{len(leads)}</numberchannelsvalid></signalcharacteristics></dataacquisition>
 <patient><generalpatientdata><patientid>4711</patientid>
  <name><lastname>Secretsson</lastname><firstname>Anna</firstname></name>
  <age><dateofbirth>1953-05-08</dateofbirth></age><pacestatus>Unknown</pacestatus><sex>Female</sex>
 </generalpatientdata></patient>
 <interpretations><interpretation date="2002-11-22" time="15:19:22"><severity>- ABNORMAL ECG -</severity>
  <statement><leftstatement>Sinus bradycardia</leftstatement><rightstatement>rate&lt; 50</rightstatement></statement>
  <statement><leftstatement>Confirmed by: Doktorsson</leftstatement></statement>
 </interpretation></interpretations>
 <waveforms><parsedwaveforms dataencoding="{encoding}" durationperchannel="{stored.shape[1] * 2}"{labels}{method}
 >{content}</parsedwaveforms><repbeats><repbeat leadname="I">AAAA</repbeat></repbeats></waveforms>
</restingecgdata>
"""


def aecg(leads: Leads, *, annotations: str = "", more: str = "") -> str:
    """Write integer leads as an HL7 annotated ECG: 2.5 uV a step, 500 Hz."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<AnnotatedECG xmlns="urn:hl7-org:v3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" type="Observation">
 <effectiveTime><center value="20021122091000"/></effectiveTime>
 <componentOf><timepointEvent><componentOf><subjectAssignment><subject><trialSubject>
  <id root="1.2.3" extension="4711"/><subjectDemographicPerson><name>Anna Secretsson</name>
  <administrativeGenderCode code="F"/><birthTime value="19530508"/></subjectDemographicPerson>
 </trialSubject></subject></subjectAssignment></componentOf></timepointEvent></componentOf>
 <component>{aecg_series(sequence_set(leads), annotations=annotations)}</component>{more}
</AnnotatedECG>
"""


def aecg_series(sets: str, *, kind: str = "RHYTHM", annotations: str = "") -> str:
    """Write a series of an annotated ECG."""
    return f"""<series><code code="{kind}"/>
  <author><seriesAuthor><manufacturedSeriesDevice><manufacturerModelName>ELI250</manufacturerModelName>
   </manufacturedSeriesDevice><manufacturerOrganization><name>Mortara</name></manufacturerOrganization>
  </seriesAuthor></author>{sets}
  <subjectOf><annotationSet>{annotations}</annotationSet></subjectOf></series>"""


def sequence_set(leads: Leads, *, head: str = "20021122091000.000") -> str:
    """Write simultaneous leads of an annotated ECG."""
    sequences = "".join(
        f"""<component><sequence><code code="MDC_ECG_LEAD_{lead.upper()}"/><value xsi:type="SLIST_PQ">
   <origin value="0" unit="uV"/><scale value="2.5" unit="uV"/><digits>{" ".join(map(str, samples))}</digits>
   </value></sequence></component>"""
        for lead, samples in leads.items()
    )
    return f"""<component><sequenceSet><component><sequence><code code="TIME_ABSOLUTE"/><value xsi:type="GLIST_TS">
   <head value="{head}"/><increment value="0.002" unit="s"/></value></sequence></component>{sequences}
   </sequenceSet></component>"""


def schiller(leads: Leads) -> str:
    """Write integer leads as SEMA does: 1 uV a step, 500 Hz."""
    channels = "".join(
        f"""<channel><name>{lead.upper()}</name><data>{",".join(map(str, samples))}</data>
   <datastype>COMMASEPARATE</datastype><samplecount>{len(samples)}</samplecount></channel>"""
        for lead, samples in leads.items()
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<com.xiriuz.sema.xml.schillerEDI.SchillerEDI>
 <patdata><id>4711</id><lastname>Secretsson</lastname><firstname>Anna</firstname><birthdate>19530508</birthdate>
  <gender>FEMALE</gender><pacemaker><value>ON</value></pacemaker></patdata>
 <examdescript><startdatetime><date>20021122</date></startdatetime>
  <idu><aquiring_institute><name>Hidden Hospital</name></aquiring_institute></idu>
  <aquiringdevice><hardware><vendor>Schiller</vendor><model>AT-110</model></hardware></aquiringdevice></examdescript>
 <eventdata><event>
  <wavedata><type>ECG_AVERAGES</type><channel/><channel/></wavedata>
  <wavedata><type>ECG_RHYTHMS</type><resolution><samplerate><exponent>1</exponent><value>500</value></samplerate>
   <yres><unitperbit>1.0</unitperbit><units>UV</units></yres></resolution>{channels}</wavedata>
  <filters_data><filter><name>MAINS</name><value>50</value></filter>
   <filter><name>HIGHPASS_CUTOFF_FREQ</name><value>0.05</value></filter></filters_data>
  <textdata><type>INTERPRETATION</type><textdata>Sinus rhythm\nReferred by: Doktorsson</textdata></textdata>
 </event></eventdata>
</com.xiriuz.sema.xml.schillerEDI.SchillerEDI>
"""


def xli(stored: np.ndarray) -> bytes:
    """Compress ``(n_leads, n_samples)`` the way Philips does, by the book: second differences, then LZW of 10 bits."""
    chunks = []
    for lead in stored.tolist():
        values = lead[:2] + [0] * (len(lead) - 2)
        second = [2 * lead[i - 1] - lead[i - 2] - lead[i] for i in range(2, len(lead))]
        values[2:-1] = [difference + 64 for difference in second[1:]]
        words = np.array(values, ">i2")
        raw = words.view(np.uint8).reshape(-1, 2).T.tobytes()
        packed = lzw(raw)
        first = second[0] if second else 0
        chunks.append(len(packed).to_bytes(4, "little") + b"\1\0" + first.to_bytes(2, "little", signed=True) + packed)
    return b"".join(chunks)


def lzw(raw: bytes) -> bytes:
    """Compress bytes with codes of 10 bits; the table is frozen once it is full."""
    table = {bytes([value]): value for value in range(256)}
    codes, current = [], b""
    for value in raw:
        longer = current + bytes([value])
        if longer in table:
            current = longer
            continue
        codes.append(table[current])
        if len(table) < 1023:
            table[longer] = len(table)
        current = bytes([value])
    bits = "".join(f"{code:010b}" for code in [*codes, table[current], 1023])
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def beats_per_minute(sample: Sample) -> float:
    """Count heartbeats by the steepest places of all leads together, and return the mean rate."""
    rate_hz = float(sample.sampling_rate_hz or 0)
    window = max(1, round(0.08 * rate_hz))
    steepness = np.abs(np.diff(np.nan_to_num(sample.array.astype(np.float64)), axis=1)).sum(axis=0)
    energy = np.convolve(steepness, np.ones(window) / window, "same")
    peaks: list[int] = []
    for index in np.flatnonzero(energy > 0.45 * np.quantile(energy, 0.985)):
        # 0.3 s: no second beat within this
        if peaks and index - peaks[-1] < 0.3 * rate_hz:
            if energy[index] > energy[peaks[-1]]:
                peaks[-1] = int(index)
        else:
            peaks.append(int(index))
    return 60.0 * rate_hz / float(np.diff(peaks).mean())
