"""python-pkcs11: lists the token, and signs a file with every kind of key.  MODULE PIN FILE FOLDER"""

import sys

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, MGF, ObjectClass

module, pin, path, folder = sys.argv[1:]
data = open(path, "rb").read()
token = pkcs11.lib(module).get_token(token_label="Crescendo Test Holder")


def keep(name, signature):
    with open(f"{folder}/{name}", "wb") as file:
        file.write(signature)


with token.open() as session:
    for certificate in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        print("certificate", certificate[Attribute.ID].hex(), len(certificate[Attribute.VALUE]))
    for key in session.get_objects({Attribute.CLASS: ObjectClass.PUBLIC_KEY}):
        print("public", key.id.hex(), key.key_type.name)

with token.open(user_pin=pin) as session:
    for key in session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}):
        print("private", key.id.hex(), key.key_type.name, key.label)
    rsa = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.RSA, id=b"\x01")
    keep("pkcs1", rsa.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS))
    pss = (Mechanism.SHA256, MGF.SHA256, 32)
    keep("pss", rsa.sign(data, mechanism=Mechanism.SHA256_RSA_PKCS_PSS, mechanism_param=pss))
    ec = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC, id=b"\x04")
    keep("ecdsa", ec.sign(data, mechanism=Mechanism.ECDSA_SHA256))
    own_pin = session.get_key(object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC, id=b"\x02")
    keep("ecdsa-own-pin", own_pin.sign(data, mechanism=Mechanism.ECDSA_SHA256, pin=pin))
    print("digest", session.digest(data, mechanism=Mechanism.SHA256).hex())
    decryptor = session.get_key(object_class=ObjectClass.PRIVATE_KEY, id=b"\x03")
    secret = open(f"{folder}/secret", "rb").read()
    print("decrypted", decryptor.decrypt(secret, mechanism=Mechanism.RSA_PKCS).decode())
