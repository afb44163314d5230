//! The status codes. They are in groups of ten, and a number is never used for anything else again.

/// What a call returns. 0 is success; crescendo_last_error() tells more of anything else.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum crescendo_status {
    /// It is done.
    Ok = 0,
    /// Something else went wrong: the message tells what.
    Failed = 1,
    /// The library has a fault, which was caught. Whatever was being done may be half done.
    Panic = 2,

    /// A pointer is NULL that must not be.
    NullPointer = 10,
    /// A handle is of another kind, or was freed.
    InvalidHandle = 11,
    /// A length is longer than anything can be.
    InvalidLength = 12,
    /// A text is not UTF-8.
    NotUtf8 = 13,
    /// A value is none of those that it can be.
    InvalidValue = 14,
    /// The `size` of a structure is that of no version of it.
    InvalidSize = 15,
    /// A callback has called for a device or a key, whose card may be held until it returns.
    Reentered = 16,
    /// Something has to be asked, and there is no callback for it.
    NoCallback = 17,
    /// It was cancelled, by a callback or with crescendo_cancel_now.
    Cancelled = 18,

    /// The smart card service (pcscd) cannot be reached.
    NoService = 20,
    /// There is no reader and no key.
    NoReader = 21,
    /// There is no card.
    NoCard = 22,
    /// No device goes by that name.
    NoSuchDevice = 23,
    /// More than one device may be meant: crescendo_last_error() lists them.
    Ambiguous = 24,
    /// It is a security key without a card.
    NoCardSide = 25,
    /// The card was removed.
    Removed = 26,
    /// Another program holds the card for itself alone.
    Busy = 27,
    /// Another program is logged in, and would be disturbed.
    InUse = 28,
    /// The card has no PIV application.
    NotPiv = 29,

    /// The PIN is wrong: `tries` of crescendo_last_error() are left.
    WrongPin = 30,
    /// The PIN is blocked.
    PinBlocked = 31,
    /// What was entered can be no PIN of this device; it was not sent.
    PinFormat = 32,
    /// The new PIN is not as the rules want it; it was not sent.
    PinRejected = 33,
    /// The device does not take the new PIN.
    PinRefused = 34,
    /// A PIN has to be entered first.
    PinNeeded = 35,
    /// No PIN can be as both the device and the owner of the machine want it, or what the owner wants cannot be read.
    Policy = 36,
    /// The device was lost before it answered: the new PIN may be set or not.
    Uncertain = 37,

    /// The PUK is wrong: `tries` of crescendo_last_error() are left.
    WrongPuk = 40,
    /// The PUK is blocked, for good.
    PukBlocked = 41,
    /// The device has no PUK.
    NoPuk = 42,
    /// No PUK is kept on the device to be shown.
    NoPukKept = 43,
    /// What was entered is no PUK; it was not sent.
    PukFormat = 44,
    /// What was entered is no challenge or response.
    ChallengeFormat = 45,
    /// The challenge is no longer the card's; begin again.
    ChallengeLost = 46,
    /// The card refuses to be unblocked; `tries` of that are left.
    UnlockRefused = 47,

    /// The device does not accept this management or administration key, or the answer made with it.
    WrongKey = 50,
    /// What was given is no such key; it was not sent.
    KeyFormat = 51,
    /// The key in the device is of another kind than the one given (3DES, AES).
    KeyKind = 52,
    /// The device has no administration key.
    NoAdministrationKey = 53,
    /// The PIN gives no right to this: the card wants its management key (9B).
    ManagementKeyNeeded = 54,
    /// A management system keeps this to itself.
    Managed = 55,
    /// Nobody has published that the device takes this command, which writes: it is sent only if that is permitted.
    NotConfirmed = 56,
    /// What was given is no device ID.
    DeviceIdFormat = 57,

    /// The device does that in a contact reader only: there the PIN may have tries left, too.
    ContactNeeded = 60,
    /// The device has no pairing code.
    NoPairingCode = 61,
    /// The device has no virtual contact interface.
    NoVci = 62,
    /// The pairing code is wrong; no PIN was sent.
    WrongCode = 63,
    /// A pairing code has eight digits; nothing was sent.
    CodeFormat = 64,
    /// The card waits for its pairing code.
    CodeNeeded = 65,
    /// The pairing code could not be kept.
    NotKept = 66,
    /// Secure messaging failed, or nobody vouches for the card.
    NotBelieved = 67,

    /// The key has no certificate.
    NoCertificate = 70,
    /// There is no key in that place.
    NoKey = 71,
    /// The certificate belongs to another key.
    NotItsCertificate = 72,
    /// The device lets this key sign nothing.
    SignsNothing = 73,
    /// The device has no room for it.
    NoRoom = 74,
    /// The device has no such kind of key in that place.
    NoSuchKind = 75,
    /// What was written is not what is read back.
    NotAsWritten = 76,
    /// The key is another one than its certificate showed.
    KeyChanged = 77,
    /// Nothing can be taken from that file, or the file cannot be read.
    File = 78,
    /// The file is encrypted with another passphrase.
    WrongPassphrase = 79,

    /// That cannot be done with this device: the message tells why.
    NotOffered = 80,
    /// Its PIN is blocked, and nobody has a key of it.
    CannotRecycle = 81,
    /// The PIN is not the one of delivery.
    NotFactoryPin = 82,
    /// The device was lost on the way: do the same once more.
    Unfinished = 83,
    /// The device does not do that.
    Unsupported = 84,
    /// A subject or another name is none (RFC 4514, RFC 5280).
    NameFormat = 85,

    /// There is no secret for such codes in that slot.
    EmptySlot = 90,
    /// Nobody pressed the button in time.
    NoButton = 91,
    /// What was given is no secret for one-time passwords.
    SeedFormat = 92,

    /// The file is no firmware image, or not whole.
    ImageMalformed = 100,
    /// No trusted key has signed the image, or not enough have.
    ImageSignature = 101,
    /// The image is for another model or hardware.
    WrongModel = 102,
    /// The image needs a newer bootloader.
    OldBootloader = 103,
    /// The image is older than the key may go back to.
    TooOld = 104,
    /// The key has that version already.
    SameVersion = 105,
    /// The image is older than what the key has, and that was not permitted.
    OlderVersion = 106,
    /// The list of trusted keys is not as it should be: nobody is trusted.
    Trust = 107,
    /// The image does not fit into the key.
    ImageTooLarge = 108,

    /// No security key is connected.
    NoSecurityKey = 110,
    /// The key does not speak the update protocol.
    NotUpdatable = 111,
    /// The key did not answer.
    Silent = 112,
    /// The update did not come to its end: the message tells in what state the key is and what to do next.
    UpdateFailed = 113,
}
