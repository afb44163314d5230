"""fido2: asks every card in a reader that has a FIDO application what it is, in every form of APDU it knows."""

from fido2.ctap import CtapError
from fido2.ctap2 import Ctap2
from fido2.hid import CTAPHID
from fido2.pcsc import CtapPcscDevice

for device in CtapPcscDevice.list_devices():
    ctap = Ctap2(device)
    info = ctap.info
    print("versions", *info.versions)
    print("aaguid", info.aaguid)
    print("firmware", info.firmware_version)
    print("options", info.options)
    print("longest", info.max_msg_size, "vendor", info.vendor_prototype_config_commands)

    long_message = b"\x04" + bytes(700)
    answer = device.call(CTAPHID.CBOR, b"\x04")
    print("chained", device.call(CTAPHID.CBOR, long_message) == answer)
    device.use_nfcctap_getresponse = False
    print("without NFCCTAP_GETRESPONSE", device.call(CTAPHID.CBOR, b"\x04") == answer)
    try:
        ctap.send_cbor(0x41)
    except CtapError as error:
        print("refused", error.code.name)
    device.close()
print("end")
