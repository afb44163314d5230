//! Which codes the standard lets a function return (PKCS#11 3.x, part 5: the list at the end of each function, and 5.1
//! for what many share).

use cryptoki_sys::*;

macro_rules! functions {
    ($($name:ident)*) => {
        /// A function of the standard, without its `C_`.
        #[allow(missing_docs)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Function { $($name),* }

        impl Function {
            /// Every one of them, in the order of the function lists.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

functions! {
    Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList GetMechanismInfo
    InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo GetOperationState
    SetOperationState Login Logout CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue
    SetAttributeValue FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt EncryptUpdate EncryptFinal
    DecryptInit Decrypt DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate DigestKey DigestFinal SignInit Sign
    SignUpdate SignFinal SignRecoverInit SignRecover VerifyInit Verify VerifyUpdate VerifyFinal VerifyRecoverInit
    VerifyRecover DigestEncryptUpdate DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate GenerateKey
    GenerateKeyPair WrapKey UnwrapKey DeriveKey SeedRandom GenerateRandom GetFunctionStatus CancelFunction
    WaitForSlotEvent
    GetInterfaceList GetInterface LoginUser SessionCancel MessageEncryptInit EncryptMessage EncryptMessageBegin
    EncryptMessageNext MessageEncryptFinal MessageDecryptInit DecryptMessage DecryptMessageBegin DecryptMessageNext
    MessageDecryptFinal MessageSignInit SignMessage SignMessageBegin SignMessageNext MessageSignFinal
    MessageVerifyInit VerifyMessage VerifyMessageBegin VerifyMessageNext MessageVerifyFinal
    EncapsulateKey DecapsulateKey VerifySignatureInit VerifySignature VerifySignatureUpdate VerifySignatureFinal
    GetSessionValidationFlags AsyncComplete AsyncGetID AsyncJoin WrapKeyAuthenticated UnwrapKeyAuthenticated
}

/// What a function is about, which decides the codes of 5.1.1 to 5.1.3.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Works without an initialised library.
    Entry,
    /// The library or its slots, not what is in them.
    Library,
    /// The token in a slot.
    Token,
    /// A session, and so its token.
    Session,
}

/// 5.1.1: any function.
const ALWAYS: &[CK_RV] =
    &[CKR_OK, CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED, CKR_FUNCTION_NOT_SUPPORTED];
/// 5.1.2: functions with a session handle.
const SESSION: &[CK_RV] = &[CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_REMOVED];
/// 5.1.3: functions that use a token.
const TOKEN: &[CK_RV] = &[CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR, CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED];

const ARGUMENTS: &[CK_RV] = &[CKR_ARGUMENTS_BAD];
const BUFFER: &[CK_RV] = &[CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL];
const KEY_INIT: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_FUNCTION_CANCELED,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_KEY_HANDLE_INVALID,
    CKR_KEY_SIZE_RANGE,
    CKR_KEY_TYPE_INCONSISTENT,
    CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_OPERATION_ACTIVE,
    CKR_OPERATION_CANCEL_FAILED,
    CKR_PIN_EXPIRED,
    CKR_USER_NOT_LOGGED_IN,
];
const DATA: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_BUFFER_TOO_SMALL,
    CKR_DATA_INVALID,
    CKR_DATA_LEN_RANGE,
    CKR_FUNCTION_CANCELED,
    CKR_FUNCTION_REJECTED,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_TOKEN_RESOURCE_EXCEEDED,
    CKR_USER_NOT_LOGGED_IN,
];
const ENCRYPTED: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_BUFFER_TOO_SMALL,
    CKR_ENCRYPTED_DATA_INVALID,
    CKR_ENCRYPTED_DATA_LEN_RANGE,
    CKR_FUNCTION_CANCELED,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_USER_NOT_LOGGED_IN,
];
const SIGNED: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_DATA_INVALID,
    CKR_DATA_LEN_RANGE,
    CKR_FUNCTION_CANCELED,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_SIGNATURE_INVALID,
    CKR_SIGNATURE_LEN_RANGE,
    CKR_TOKEN_RESOURCE_EXCEEDED,
];
const PIN: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_FUNCTION_CANCELED,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_PIN_INCORRECT,
    CKR_PIN_LOCKED,
    CKR_SESSION_READ_ONLY_EXISTS,
    CKR_USER_ALREADY_LOGGED_IN,
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    CKR_USER_PIN_NOT_INITIALIZED,
    CKR_USER_TOO_MANY_TYPES,
    CKR_USER_TYPE_INVALID,
];
const WRITE: &[CK_RV] = &[
    CKR_ACTION_PROHIBITED,
    CKR_ARGUMENTS_BAD,
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_OBJECT_HANDLE_INVALID,
    CKR_PIN_EXPIRED,
    CKR_SESSION_READ_ONLY,
    CKR_TEMPLATE_INCOMPLETE,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_TOKEN_WRITE_PROTECTED,
    CKR_USER_NOT_LOGGED_IN,
];
/// What DeriveKey and UnwrapKey share: a template for a new key.
const NEW_KEY: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_CURVE_NOT_SUPPORTED,
    CKR_DOMAIN_PARAMS_INVALID,
    CKR_FUNCTION_CANCELED,
    CKR_KEY_FUNCTION_NOT_PERMITTED,
    CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_OPERATION_ACTIVE,
    CKR_PIN_EXPIRED,
    CKR_SESSION_READ_ONLY,
    CKR_TEMPLATE_INCOMPLETE,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_TOKEN_WRITE_PROTECTED,
    CKR_USER_NOT_LOGGED_IN,
];
/// C_CreateObject has these besides.
const CURVES: &[CK_RV] = &[CKR_CURVE_NOT_SUPPORTED, CKR_DOMAIN_PARAMS_INVALID];
const DERIVE: &[CK_RV] = &[CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT];
const UNWRAP: &[CK_RV] = &[
    CKR_BUFFER_TOO_SMALL,
    CKR_UNWRAPPING_KEY_HANDLE_INVALID,
    CKR_UNWRAPPING_KEY_SIZE_RANGE,
    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
    CKR_WRAPPED_KEY_INVALID,
    CKR_WRAPPED_KEY_LEN_RANGE,
];

impl Function {
    /// Whether the standard lets this function return this code.
    #[must_use]
    pub fn permits(self, code: CK_RV) -> bool {
        let shared = match self.scope() {
            Scope::Entry | Scope::Library => false,
            Scope::Token => TOKEN.contains(&code),
            Scope::Session => TOKEN.contains(&code) || SESSION.contains(&code),
        };
        let initialised = self.scope() != Scope::Entry && code == CKR_CRYPTOKI_NOT_INITIALIZED;
        let makes_key = matches!(self, Self::DeriveKey | Self::UnwrapKey | Self::GenerateKeyPair)
            && NEW_KEY.contains(&code);
        let names_curve = self == Self::CreateObject && CURVES.contains(&code);
        shared
            || initialised
            || makes_key
            || names_curve
            || ALWAYS.contains(&code)
            || self.own().contains(&code)
    }

    /// Whether a PIN is given in the call, so that what is wrong with it can be told.
    pub(crate) fn takes_pin(self) -> bool {
        matches!(self, Self::Login | Self::LoginUser) || self.sets_pin()
    }

    /// Whether it speaks to the card with a PIN or with session keys, as a rule, or ends what they were for.
    pub(crate) fn touches_secrets(self) -> bool {
        let ends =
            matches!(self, Self::Logout | Self::CloseSession | Self::CloseAllSessions | Self::Finalize);
        let signs = matches!(self, Self::Sign | Self::SignFinal | Self::DeriveKey | Self::UnwrapKey);
        self.takes_pin() || self.decrypts() || ends || signs || self.writes()
    }

    /// Whether it changes what is on the card.
    pub(crate) fn writes(self) -> bool {
        matches!(self, Self::CreateObject | Self::DestroyObject | Self::GenerateKeyPair)
    }

    /// Whether a new PIN is given.
    pub(crate) fn sets_pin(self) -> bool {
        matches!(self, Self::SetPIN | Self::InitPIN)
    }

    /// Whether it asks for the token in a slot, with no session that could die with it.
    pub(crate) fn asks_slot(self) -> bool {
        self.scope() == Scope::Token
    }

    /// Whether what it is given has been encrypted.
    pub(crate) fn decrypts(self) -> bool {
        matches!(self, Self::Decrypt | Self::DecryptUpdate | Self::DecryptFinal)
    }

    fn scope(self) -> Scope {
        match self {
            Self::Initialize | Self::GetFunctionList | Self::GetInterfaceList | Self::GetInterface => {
                Scope::Entry
            }
            Self::Finalize
            | Self::GetInfo
            | Self::GetSlotList
            | Self::GetSlotInfo
            | Self::WaitForSlotEvent => Scope::Library,
            Self::GetTokenInfo
            | Self::GetMechanismList
            | Self::GetMechanismInfo
            | Self::InitToken
            | Self::OpenSession
            | Self::CloseAllSessions => Scope::Token,
            _ => Scope::Session,
        }
    }

    /// The codes of its own list, besides those of 5.1.
    fn own(self) -> &'static [CK_RV] {
        match self {
            Self::Initialize => &[
                CKR_ARGUMENTS_BAD,
                CKR_CANT_LOCK,
                CKR_CRYPTOKI_ALREADY_INITIALIZED,
                CKR_NEED_TO_CREATE_THREADS,
            ],
            Self::Finalize | Self::GetInfo | Self::GetFunctionList | Self::GetInterface => ARGUMENTS,
            Self::GetInterfaceList | Self::GetSlotList => BUFFER,
            Self::GetSlotInfo => &[CKR_ARGUMENTS_BAD, CKR_DEVICE_ERROR, CKR_SLOT_ID_INVALID],
            Self::WaitForSlotEvent => &[CKR_ARGUMENTS_BAD, CKR_NO_EVENT],
            Self::GetTokenInfo => &[CKR_ARGUMENTS_BAD, CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_RECOGNIZED],
            Self::GetMechanismList | Self::GetMechanismInfo => &[
                CKR_ARGUMENTS_BAD,
                CKR_BUFFER_TOO_SMALL,
                CKR_MECHANISM_INVALID,
                CKR_SLOT_ID_INVALID,
                CKR_TOKEN_NOT_RECOGNIZED,
            ],
            Self::InitToken => &[
                CKR_ARGUMENTS_BAD,
                CKR_FUNCTION_CANCELED,
                CKR_PIN_INCORRECT,
                CKR_PIN_LOCKED,
                CKR_SESSION_EXISTS,
                CKR_SLOT_ID_INVALID,
                CKR_TOKEN_NOT_RECOGNIZED,
                CKR_TOKEN_WRITE_PROTECTED,
            ],
            Self::OpenSession => &[
                CKR_ARGUMENTS_BAD,
                CKR_SESSION_ASYNC_NOT_SUPPORTED,
                CKR_SESSION_COUNT,
                CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                CKR_SESSION_READ_WRITE_SO_EXISTS,
                CKR_SLOT_ID_INVALID,
                CKR_TOKEN_NOT_RECOGNIZED,
                CKR_TOKEN_WRITE_PROTECTED,
            ],
            Self::CloseAllSessions => &[CKR_SLOT_ID_INVALID],
            other => other.own_with_session(),
        }
    }

    fn own_with_session(self) -> &'static [CK_RV] {
        match self {
            Self::InitPIN | Self::SetPIN => &[
                CKR_ARGUMENTS_BAD,
                CKR_FUNCTION_CANCELED,
                CKR_PIN_INCORRECT,
                CKR_PIN_INVALID,
                CKR_PIN_LEN_RANGE,
                CKR_PIN_LOCKED,
                CKR_SESSION_READ_ONLY,
                CKR_TOKEN_WRITE_PROTECTED,
                CKR_USER_NOT_LOGGED_IN,
            ],
            Self::Login | Self::LoginUser => PIN,
            Self::Logout => &[CKR_USER_NOT_LOGGED_IN],
            Self::GetSessionInfo | Self::GetSessionValidationFlags => ARGUMENTS,
            Self::SessionCancel => &[CKR_OPERATION_CANCEL_FAILED],
            Self::GetOperationState => &[
                CKR_ARGUMENTS_BAD,
                CKR_BUFFER_TOO_SMALL,
                CKR_OPERATION_NOT_INITIALIZED,
                CKR_STATE_UNSAVEABLE,
            ],
            Self::SetOperationState => &[
                CKR_ARGUMENTS_BAD,
                CKR_KEY_CHANGED,
                CKR_KEY_NEEDED,
                CKR_KEY_NOT_NEEDED,
                CKR_SAVED_STATE_INVALID,
            ],
            other => other.own_with_objects(),
        }
    }

    fn own_with_objects(self) -> &'static [CK_RV] {
        match self {
            Self::CreateObject | Self::CopyObject | Self::DestroyObject | Self::SetAttributeValue => WRITE,
            Self::GetObjectSize => &[CKR_ARGUMENTS_BAD, CKR_INFORMATION_SENSITIVE, CKR_OBJECT_HANDLE_INVALID],
            Self::GetAttributeValue => &[
                CKR_ARGUMENTS_BAD,
                CKR_ATTRIBUTE_SENSITIVE,
                CKR_ATTRIBUTE_TYPE_INVALID,
                CKR_BUFFER_TOO_SMALL,
                CKR_OBJECT_HANDLE_INVALID,
            ],
            Self::FindObjectsInit => &[
                CKR_ARGUMENTS_BAD,
                CKR_ATTRIBUTE_TYPE_INVALID,
                CKR_ATTRIBUTE_VALUE_INVALID,
                CKR_OPERATION_ACTIVE,
                CKR_PIN_EXPIRED,
            ],
            Self::FindObjects => &[CKR_ARGUMENTS_BAD, CKR_OPERATION_NOT_INITIALIZED],
            Self::FindObjectsFinal => &[CKR_OPERATION_NOT_INITIALIZED],
            other => other.own_with_operations(),
        }
    }

    fn own_with_operations(self) -> &'static [CK_RV] {
        match self {
            Self::EncryptInit | Self::DecryptInit | Self::SignInit | Self::VerifyInit => KEY_INIT,
            Self::DigestInit => &[
                CKR_ARGUMENTS_BAD,
                CKR_FUNCTION_CANCELED,
                CKR_MECHANISM_INVALID,
                CKR_MECHANISM_PARAM_INVALID,
                CKR_OPERATION_ACTIVE,
                CKR_OPERATION_CANCEL_FAILED,
                CKR_PIN_EXPIRED,
                CKR_USER_NOT_LOGGED_IN,
            ],
            Self::Decrypt | Self::DecryptUpdate | Self::DecryptFinal => ENCRYPTED,
            Self::Sign | Self::SignUpdate | Self::SignFinal => DATA,
            Self::Encrypt | Self::EncryptUpdate | Self::EncryptFinal => DATA,
            Self::Verify | Self::VerifyUpdate | Self::VerifyFinal => SIGNED,
            Self::Digest | Self::DigestUpdate | Self::DigestFinal => &[
                CKR_ARGUMENTS_BAD,
                CKR_BUFFER_TOO_SMALL,
                CKR_FUNCTION_CANCELED,
                CKR_OPERATION_NOT_INITIALIZED,
            ],
            Self::DigestKey => &[
                CKR_FUNCTION_CANCELED,
                CKR_KEY_HANDLE_INVALID,
                CKR_KEY_INDIGESTIBLE,
                CKR_KEY_SIZE_RANGE,
                CKR_OPERATION_NOT_INITIALIZED,
            ],
            Self::SeedRandom | Self::GenerateRandom => &[
                CKR_ARGUMENTS_BAD,
                CKR_FUNCTION_CANCELED,
                CKR_OPERATION_ACTIVE,
                CKR_RANDOM_NO_RNG,
                CKR_RANDOM_SEED_NOT_SUPPORTED,
                CKR_USER_NOT_LOGGED_IN,
            ],
            Self::DeriveKey => DERIVE,
            Self::UnwrapKey => UNWRAP,
            Self::GetFunctionStatus | Self::CancelFunction => &[CKR_FUNCTION_NOT_PARALLEL],
            // What we do not offer says so, or that its session is gone: no list of its own is needed.
            _ => &[],
        }
    }
}
