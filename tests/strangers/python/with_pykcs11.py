"""PyKCS11: asks every object for every attribute there is, and signs a file.  MODULE PIN FILE FOLDER"""

import sys

import PyKCS11
from PyKCS11 import CKA_CLASS, CKA_ID, CKO_PRIVATE_KEY, CKM_ECDSA_SHA256, CKM_SHA256_RSA_PKCS, Mechanism

module, pin, path, folder = sys.argv[1:]
data = open(path, "rb").read()
library = PyKCS11.PyKCS11Lib()
library.load(module)
slot = library.getSlotList(tokenPresent=True)[0]
print("token", library.getTokenInfo(slot).label.strip())
# The last one is not the token's: this release adds CKM_ML_DSA to every list.
mechanisms = library.getMechanismList(slot)[:-1]
for mechanism in mechanisms:
    library.getMechanismInfo(slot, mechanism).to_dict()
print("mechanisms", *mechanisms)


def show(session):
    for found in session.findObjects():
        known = found.to_dict()
        print("object", known["CKA_CLASS"], bytes(known.get("CKA_ID") or ()).hex(), len(known))


def sign(session, key_id, mechanism, name):
    key = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_ID, [key_id])])[0]
    with open(f"{folder}/{name}", "wb") as file:
        file.write(bytes(session.sign(key, data, Mechanism(mechanism))))


session = library.openSession(slot)
show(session)
session.login(pin)
print("logged in")
show(session)
sign(session, 1, CKM_SHA256_RSA_PKCS, "pkcs1")
sign(session, 4, CKM_ECDSA_SHA256, "ecdsa")
session.logout()
session.closeSession()
