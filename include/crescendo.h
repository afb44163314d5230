/* crescendo.h: HID Crescendo smart cards, USB security keys and every PIV token, for programs in C and C++.
 *
 * Not affiliated with or endorsed by HID Global. No hardware was here: all of this was tried with virtual
 * devices, which are written from the specifications alone. The README says of each action what it stands on;
 * what nobody has published that a device takes is not sent to it, unless crescendo_device_permit_unconfirmed
 * was called. Updates of firmware are a scheme of this project, and nothing is sent to a key that has not
 * announced it.
 *
 * This file is made of the library's source. In C++, crescendo.hpp frees what has to be freed.
 *
 *
 * THE ORDER OF CALLS
 *
 *     crescendo_context_new                                          the machine
 *      |
 *      +-- crescendo_devices_list --> items[i]                       what is there
 *      |    |      ^    |
 *      |    |      |    v mark
 *      |    |   crescendo_devices_wait                               until something comes or goes
 *      |    +-- crescendo_devices_free
 *      |
 *      +-- crescendo_device_open                                     one device
 *      |    |
 *      |    +-- crescendo_device_summary, crescendo_pin_status, ...  results, each with its own _free
 *      |    |
 *      |    +-- crescendo_pin_change, crescendo_key_generate, ...    actions; while one runs, it calls
 *      |    |    |                              ^                    crescendo_callbacks in its thread
 *      |    |    | ask: a PIN, a PUK, a key     | crescendo_answer_set, true
 *      |    |    | confirm: this is lost        | true
 *      |    |    v tell: press the button, 40 % | true               (false: cancel)
 *      |    |
 *      |    |      crescendo_cancel_now                              from any thread
 *      |    |
 *      |    +-- crescendo_device_free
 *      |
 *      +-- crescendo_image_open, crescendo_update,                   the firmware of a security key
 *      |   crescendo_image_free
 *      |
 *      +-- crescendo_context_free
 *
 *     not CRESCENDO_STATUS_OK? --> crescendo_last_error()->message   in the same thread, before its next call
 *
 *
 * CONVENTIONS
 *
 * Status. Functions return a crescendo_status, but for those that cannot fail. 0 is success. The numbers are
 * in groups of ten. None ever means anything else, and there will be more of them: whoever switches over them
 * has a default.
 *
 * Texts. In: a pointer to UTF-8 and a length in bytes, or CRESCENDO_TERMINATED in place of the length; NULL
 * stands for none where that is said. Out: crescendo_text, with a NUL after it that does not count. What is given
 * stays as it is until the call is over, also while a callback runs.
 *
 * Out-parameters. They come last, and are written on success only.
 *
 * Results. The library makes these structures. A program reads them, and frees each by the function of its
 * name; all that they point to goes with them. It makes none itself, copies none and does not ask for their
 * size, because new members come at their end. For the same reason lists are pointers to pointers:
 * `devices->items[i]->name`.
 *
 * Options. Structures that a program makes begin with `size`, their sizeof, by which the library knows which
 * members are there: `crescendo_callbacks callbacks = {.size = sizeof callbacks};`. Members that are not set
 * are zero.
 *
 * Freeing. What a call gave is freed by the function of its name, once, in any thread, when no other thread
 * uses it any more. NULL is fine. What crescendo_last_error and crescendo_version return is not freed.
 *
 * Threads. There is no global state but the last error, of which each thread has its own, and the log that
 * CRESCENDO_LOG asks for; the library starts no thread. Any thread may use any handle; calls for one device wait for each other. A child made by
 * fork makes a context of its own, and neither uses nor frees what was made before.
 *
 * Callbacks. They run in the thread of the call that they were given to, while it runs. They do not throw,
 * nor jump out of it. The card may be held meanwhile, so that calls for any device, reader or key are refused with
 * CRESCENDO_STATUS_REENTERED; crescendo_pin_check alone is taken.
 *
 * Secrets. Those that come in are copied, and the copies are wiped after use; what the program itself holds
 * is its own to wipe. Those that go out are in a crescendo_buffer, and wiped when it is freed. None is in a
 * message or in a log.
 *
 * Tries. A wrong PIN or PUK costs a try of the device. What can be none is not sent, and costs none.
 *
 * Versions. CRESCENDO_ABI_VERSION is in the name of the library, libcrescendo.so.1. It grows only if programs
 * that were built before cannot run any more: not with new functions, new statuses, or new members at the end
 * of results.
 */


#ifndef CRESCENDO_H
#define CRESCENDO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Enumerations have 32 bits in every language, so that a number that is new to a program does no harm.
#if defined(__cplusplus) || (defined(__STDC_VERSION__) && __STDC_VERSION__ >= 202311L)
#define CRESCENDO_ENUM(name) enum name : int32_t; typedef enum name name; enum name : int32_t
#else
#define CRESCENDO_ENUM(name) typedef int32_t name; enum
#endif

#ifdef __cplusplus
extern "C" {
#endif


/* ==== Version =========================================================================================== */

// The version of the binary interface that this header describes. It is a part of the library's soname.
#define CRESCENDO_ABI_VERSION 1

// The version of the binary interface that the library has which is running: equal to CRESCENDO_ABI_VERSION,
// or the program runs with another library than it was built for. Never fails; any thread.
uint32_t crescendo_abi_version(void);

// The version of the library as a text, as in "0.1.0". It is static: not to be freed. Never fails; any
// thread.
const char *crescendo_version(void);


/* ==== Status ============================================================================================ */

// What a call returns. 0 is success; crescendo_last_error() tells more of anything else.
CRESCENDO_ENUM(crescendo_status)
{
    // It is done.
    CRESCENDO_STATUS_OK = 0,
    // Something else went wrong: the message tells what.
    CRESCENDO_STATUS_FAILED = 1,
    // The library has a fault, which was caught. Whatever was being done may be half done.
    CRESCENDO_STATUS_PANIC = 2,
    // A pointer is NULL that must not be.
    CRESCENDO_STATUS_NULL_POINTER = 10,
    // A handle is of another kind, or was freed.
    CRESCENDO_STATUS_INVALID_HANDLE = 11,
    // A length is longer than anything can be.
    CRESCENDO_STATUS_INVALID_LENGTH = 12,
    // A text is not UTF-8.
    CRESCENDO_STATUS_NOT_UTF8 = 13,
    // A value is none of those that it can be.
    CRESCENDO_STATUS_INVALID_VALUE = 14,
    // The `size` of a structure is that of no version of it.
    CRESCENDO_STATUS_INVALID_SIZE = 15,
    // A callback has called for a device or a key, whose card may be held until it returns.
    CRESCENDO_STATUS_REENTERED = 16,
    // Something has to be asked, and there is no callback for it.
    CRESCENDO_STATUS_NO_CALLBACK = 17,
    // It was cancelled, by a callback or with crescendo_cancel_now.
    CRESCENDO_STATUS_CANCELLED = 18,
    // The smart card service (pcscd) cannot be reached.
    CRESCENDO_STATUS_NO_SERVICE = 20,
    // There is no reader and no key.
    CRESCENDO_STATUS_NO_READER = 21,
    // There is no card.
    CRESCENDO_STATUS_NO_CARD = 22,
    // No device goes by that name.
    CRESCENDO_STATUS_NO_SUCH_DEVICE = 23,
    // More than one device may be meant: crescendo_last_error() lists them.
    CRESCENDO_STATUS_AMBIGUOUS = 24,
    // It is a security key without a card.
    CRESCENDO_STATUS_NO_CARD_SIDE = 25,
    // The card was removed.
    CRESCENDO_STATUS_REMOVED = 26,
    // Another program holds the card for itself alone.
    CRESCENDO_STATUS_BUSY = 27,
    // Another program is logged in, and would be disturbed.
    CRESCENDO_STATUS_IN_USE = 28,
    // The card has no PIV application.
    CRESCENDO_STATUS_NOT_PIV = 29,
    // The PIN is wrong: `tries` of crescendo_last_error() are left.
    CRESCENDO_STATUS_WRONG_PIN = 30,
    // The PIN is blocked.
    CRESCENDO_STATUS_PIN_BLOCKED = 31,
    // What was entered can be no PIN of this device; it was not sent.
    CRESCENDO_STATUS_PIN_FORMAT = 32,
    // The new PIN is not as the rules want it; it was not sent.
    CRESCENDO_STATUS_PIN_REJECTED = 33,
    // The device does not take the new PIN.
    CRESCENDO_STATUS_PIN_REFUSED = 34,
    // A PIN has to be entered first.
    CRESCENDO_STATUS_PIN_NEEDED = 35,
    // No PIN can be as both the device and the owner of the machine want it, or what the owner wants cannot
    // be read.
    CRESCENDO_STATUS_POLICY = 36,
    // The device was lost before it answered: the new PIN may be set or not.
    CRESCENDO_STATUS_UNCERTAIN = 37,
    // The PUK is wrong: `tries` of crescendo_last_error() are left.
    CRESCENDO_STATUS_WRONG_PUK = 40,
    // The PUK is blocked, for good.
    CRESCENDO_STATUS_PUK_BLOCKED = 41,
    // The device has no PUK.
    CRESCENDO_STATUS_NO_PUK = 42,
    // No PUK is kept on the device to be shown.
    CRESCENDO_STATUS_NO_PUK_KEPT = 43,
    // What was entered is no PUK; it was not sent.
    CRESCENDO_STATUS_PUK_FORMAT = 44,
    // What was entered is no challenge or response.
    CRESCENDO_STATUS_CHALLENGE_FORMAT = 45,
    // The challenge is no longer the card's; begin again.
    CRESCENDO_STATUS_CHALLENGE_LOST = 46,
    // The card refuses to be unblocked; `tries` of that are left.
    CRESCENDO_STATUS_UNLOCK_REFUSED = 47,
    // The device does not accept this management or administration key, or the answer made with it.
    CRESCENDO_STATUS_WRONG_KEY = 50,
    // What was given is no such key; it was not sent.
    CRESCENDO_STATUS_KEY_FORMAT = 51,
    // The key in the device is of another kind than the one given (3DES, AES).
    CRESCENDO_STATUS_KEY_KIND = 52,
    // The device has no administration key.
    CRESCENDO_STATUS_NO_ADMINISTRATION_KEY = 53,
    // The PIN gives no right to this: the card wants its management key (9B).
    CRESCENDO_STATUS_MANAGEMENT_KEY_NEEDED = 54,
    // A management system keeps this to itself.
    CRESCENDO_STATUS_MANAGED = 55,
    // Nobody has published that the device takes this command, which writes: it is sent only if that is
    // permitted.
    CRESCENDO_STATUS_NOT_CONFIRMED = 56,
    // What was given is no device ID.
    CRESCENDO_STATUS_DEVICE_ID_FORMAT = 57,
    // The device does that in a contact reader only: there the PIN may have tries left, too.
    CRESCENDO_STATUS_CONTACT_NEEDED = 60,
    // The device has no pairing code.
    CRESCENDO_STATUS_NO_PAIRING_CODE = 61,
    // The device has no virtual contact interface.
    CRESCENDO_STATUS_NO_VCI = 62,
    // The pairing code is wrong; no PIN was sent.
    CRESCENDO_STATUS_WRONG_CODE = 63,
    // A pairing code has eight digits; nothing was sent.
    CRESCENDO_STATUS_CODE_FORMAT = 64,
    // The card waits for its pairing code.
    CRESCENDO_STATUS_CODE_NEEDED = 65,
    // The pairing code could not be kept.
    CRESCENDO_STATUS_NOT_KEPT = 66,
    // Secure messaging failed, or nobody vouches for the card.
    CRESCENDO_STATUS_NOT_BELIEVED = 67,
    // The key has no certificate.
    CRESCENDO_STATUS_NO_CERTIFICATE = 70,
    // There is no key in that place.
    CRESCENDO_STATUS_NO_KEY = 71,
    // The certificate belongs to another key.
    CRESCENDO_STATUS_NOT_ITS_CERTIFICATE = 72,
    // The device lets this key sign nothing.
    CRESCENDO_STATUS_SIGNS_NOTHING = 73,
    // The device has no room for it.
    CRESCENDO_STATUS_NO_ROOM = 74,
    // The device has no such kind of key in that place.
    CRESCENDO_STATUS_NO_SUCH_KIND = 75,
    // What was written is not what is read back.
    CRESCENDO_STATUS_NOT_AS_WRITTEN = 76,
    // The key is another one than its certificate showed.
    CRESCENDO_STATUS_KEY_CHANGED = 77,
    // Nothing can be taken from that file, or the file cannot be read.
    CRESCENDO_STATUS_FILE = 78,
    // The file is encrypted with another passphrase.
    CRESCENDO_STATUS_WRONG_PASSPHRASE = 79,
    // That cannot be done with this device: the message tells why.
    CRESCENDO_STATUS_NOT_OFFERED = 80,
    // Its PIN is blocked, and nobody has a key of it.
    CRESCENDO_STATUS_CANNOT_RECYCLE = 81,
    // The PIN is not the one of delivery.
    CRESCENDO_STATUS_NOT_FACTORY_PIN = 82,
    // The device was lost on the way: do the same once more.
    CRESCENDO_STATUS_UNFINISHED = 83,
    // The device does not do that.
    CRESCENDO_STATUS_UNSUPPORTED = 84,
    // A subject or another name is none (RFC 4514, RFC 5280).
    CRESCENDO_STATUS_NAME_FORMAT = 85,
    // There is no secret for such codes in that slot.
    CRESCENDO_STATUS_EMPTY_SLOT = 90,
    // Nobody pressed the button in time.
    CRESCENDO_STATUS_NO_BUTTON = 91,
    // What was given is no secret for one-time passwords.
    CRESCENDO_STATUS_SEED_FORMAT = 92,
    // The file is no firmware image, or not whole.
    CRESCENDO_STATUS_IMAGE_MALFORMED = 100,
    // No trusted key has signed the image, or not enough have.
    CRESCENDO_STATUS_IMAGE_SIGNATURE = 101,
    // The image is for another model or hardware.
    CRESCENDO_STATUS_WRONG_MODEL = 102,
    // The image needs a newer bootloader.
    CRESCENDO_STATUS_OLD_BOOTLOADER = 103,
    // The image is older than the key may go back to.
    CRESCENDO_STATUS_TOO_OLD = 104,
    // The key has that version already.
    CRESCENDO_STATUS_SAME_VERSION = 105,
    // The image is older than what the key has, and that was not permitted.
    CRESCENDO_STATUS_OLDER_VERSION = 106,
    // The list of trusted keys is not as it should be: nobody is trusted.
    CRESCENDO_STATUS_TRUST = 107,
    // The image does not fit into the key.
    CRESCENDO_STATUS_IMAGE_TOO_LARGE = 108,
    // No security key is connected.
    CRESCENDO_STATUS_NO_SECURITY_KEY = 110,
    // The key does not speak the update protocol.
    CRESCENDO_STATUS_NOT_UPDATABLE = 111,
    // The key did not answer.
    CRESCENDO_STATUS_SILENT = 112,
    // The update did not come to its end: the message tells in what state the key is and what to do next.
    CRESCENDO_STATUS_UPDATE_FAILED = 113,
};


/* ==== Texts ============================================================================================= */

// In place of a length: the text ends with a NUL.
#define CRESCENDO_TERMINATED SIZE_MAX

// A text that the library gives: UTF-8, `length` bytes, and a NUL after them that does not count. Where there
// is none, `data` is NULL.
typedef struct crescendo_text {
    // The first byte, or NULL.
    const char *data;
    // How many bytes, without the NUL.
    size_t length;
} crescendo_text;


/* ==== Handles =========================================================================================== */

// Where an answer goes. It is there while the callback runs.
typedef struct crescendo_answer crescendo_answer;

// Bytes that the library gives: a PUK, a pairing code, a certificate. They are wiped when they are freed with
// crescendo_buffer_free.
typedef struct crescendo_buffer crescendo_buffer;

// Ends the operations that were given it in their callbacks. Made with crescendo_cancel_new, freed with
// crescendo_cancel_free.
typedef struct crescendo_cancel crescendo_cancel;

// The machine: its readers and keys, what is remembered of cards, and what its owner has decided. Everything
// begins with one; a program may have several, which know nothing of each other. Made with
// crescendo_context_new, freed with crescendo_context_free. Any number of threads may use one at once.
typedef struct crescendo_context crescendo_context;

// One device. Opened with crescendo_device_open, freed with crescendo_device_free. Any thread may use it;
// calls for the same device wait for each other.
typedef struct crescendo_device crescendo_device;

// A firmware image that is whole and signed by keys that are trusted. Opened with crescendo_image_open, freed
// with crescendo_image_free. Any number of threads may use one at once, and it can be installed in any number
// of keys.
typedef struct crescendo_image crescendo_image;


/* ==== What went wrong =================================================================================== */

// A device that may be meant.
typedef struct crescendo_candidate {
    // Its name.
    crescendo_text name;
    // Its device ID, if it is known.
    crescendo_text id;
    // The reader it is in.
    crescendo_text reader;
} crescendo_candidate;

// What went wrong in the last call of this thread.
typedef struct crescendo_error {
    // What that call returned.
    crescendo_status status;
    // How many tries of the PIN, PUK or key are left after it; -1 where that is not what went wrong, or not
    // known.
    int32_t tries;
    // One sentence that a person can act on.
    crescendo_text message;
    // The devices that may be meant: of CRESCENDO_STATUS_AMBIGUOUS and CRESCENDO_STATUS_NO_SUCH_DEVICE.
    const crescendo_candidate *const *candidates;
    // How many.
    size_t candidate_count;
} crescendo_error;

// What went wrong in the last call of this thread that returned a status: never NULL; after a call that
// succeeded its status is CRESCENDO_STATUS_OK and it has no message. It belongs to the library, and is there
// until the next call of this thread. Any thread.
const crescendo_error *crescendo_last_error(void);


/* ==== Bytes that are wiped ============================================================================== */

// The bytes in a buffer, and how many; a NUL follows them that does not count, so that a text can be used as
// one. They are there until the buffer is freed. Any thread.
crescendo_status crescendo_buffer_bytes(const crescendo_buffer *buffer, const char **bytes, size_t *length);

// Wipes and frees a buffer. NULL is none. No other thread uses it any more.
void crescendo_buffer_free(crescendo_buffer *buffer);


/* ==== Cancelling ======================================================================================== */

// Makes one. Any thread.
crescendo_status crescendo_cancel_new(crescendo_cancel **cancel);

// Ends every operation that was given it, now or later: each as soon as that leaves the device well, with
// CRESCENDO_STATUS_CANCELLED. A card is never left in the middle of a command. Any thread, also while an
// operation runs in another one; not from a signal handler.
crescendo_status crescendo_cancel_now(const crescendo_cancel *cancel);

// Frees it. NULL is none. No operation uses it any more.
void crescendo_cancel_free(crescendo_cancel *cancel);


/* ==== Asking and telling a person ======================================================================= */

// What a person is asked for.
CRESCENDO_ENUM(crescendo_question_kind)
{
    // The PIN of the device.
    CRESCENDO_QUESTION_KIND_PIN = 1,
    // A new PIN.
    CRESCENDO_QUESTION_KIND_NEW_PIN = 2,
    // The PUK.
    CRESCENDO_QUESTION_KIND_PUK = 3,
    // A new PUK.
    CRESCENDO_QUESTION_KIND_NEW_PUK = 4,
    // The pairing code: eight digits.
    CRESCENDO_QUESTION_KIND_PAIRING_CODE = 5,
    // The administration key (XAUTH), in hexadecimal.
    CRESCENDO_QUESTION_KIND_ADMINISTRATION_KEY = 6,
    // The management key (9B), in hexadecimal.
    CRESCENDO_QUESTION_KIND_MANAGEMENT_KEY = 7,
    // The response of the help desk to the `challenge`, in hexadecimal.
    CRESCENDO_QUESTION_KIND_RESPONSE = 8,
    // The passphrase of a file.
    CRESCENDO_QUESTION_KIND_PASSPHRASE = 9,
};

// What an operation is doing.
CRESCENDO_ENUM(crescendo_step)
{
    // It looks for the key.
    CRESCENDO_STEP_FINDING = 1,
    // The button of the key has to be pressed, within `left_ms`.
    CRESCENDO_STEP_PRESS_BUTTON = 2,
    // The key comes back in update mode.
    CRESCENDO_STEP_DETACHING = 3,
    // `done` of `total` bytes are in the key.
    CRESCENDO_STEP_WRITING = 4,
    // The key checks what was written; from here on it is not cancelled.
    CRESCENDO_STEP_FINISHING = 5,
    // The key comes back with its firmware.
    CRESCENDO_STEP_ATTACHING = 6,
    // The new firmware is made the one to stay.
    CRESCENDO_STEP_CONFIRMING = 7,
    // A change of readers is waited for.
    CRESCENDO_STEP_WAITING = 8,
};

// A question to a person.
typedef struct crescendo_question {
    // What is asked for.
    crescendo_question_kind kind;
    // How many tries are left, or -1 where that is not known.
    int32_t tries;
    // The name of the device.
    crescendo_text device;
    // The fewest characters that are taken; 0 where there is no such limit.
    uint32_t min;
    // The most characters that are taken; 0 where there is no such limit.
    uint32_t max;
    // Digits alone are taken.
    bool digits;
    // Why the answer before was not taken, of which nothing was sent; no text at the first time.
    crescendo_text problem;
    // What the help desk is told; no text otherwise.
    crescendo_text challenge;
    // The device ID, which the help desk is told too; no text otherwise.
    crescendo_text device_id;
    // All that is wanted of a new PIN, in words, as in "6 to 8 digits, not the old PIN"; no text otherwise.
    crescendo_text rules;
} crescendo_question;

// How far an operation is.
typedef struct crescendo_progress {
    // What it is doing.
    crescendo_step step;
    // How much of the whole operation is done, 0 to 100; -1 where nobody knows.
    int32_t percent;
    // Bytes that are done, where there are some to be counted; else 0.
    uint64_t done;
    // Bytes in all; else 0.
    uint64_t total;
    // How much time is left for what a person has to do, in milliseconds; else 0.
    uint64_t left_ms;
} crescendo_progress;

// How a person is asked and told. A function may be NULL, and the whole structure too where nothing has to be
// asked. It is used for as long as the call takes that it was given to, in the thread of that call. No
// function may unwind, throw or jump out of the library. The card may be held while one runs, so calls for
// any device, reader or key return CRESCENDO_STATUS_REENTERED in there, but for crescendo_pin_check.
typedef struct crescendo_callbacks {
    // sizeof(crescendo_callbacks)
    size_t size;
    // Handed to each function.
    void *user;
    // Asks a person. It gives the answer with crescendo_answer_set and returns true; or returns false to
    // cancel, without anything having been sent. A new PIN is confirmed by entering it twice: that is this
    // function's to do.
    bool (*ask)(void *user, const crescendo_question *question, crescendo_answer *answer);
    // Asks a person whether that is meant: `count` lines name what is lost. true: it is done; false: nothing
    // is done.
    bool (*confirm)(void *user, const crescendo_text *lines, size_t count);
    // Tells a person how far it is, at least twice a second while a button, a change or an update is waited
    // for. false cancels it, as soon as that leaves the device well. What the card does by itself, as making
    // an RSA key, is not told of.
    bool (*tell)(void *user, const crescendo_progress *progress);
    // Ends it from another thread; or NULL.
    const crescendo_cancel *cancel;
} crescendo_callbacks;

// Answers a question: `length` bytes of UTF-8, or CRESCENDO_TERMINATED. They are copied, and the copy is
// wiped after use. In the callback that was given `answer`, and nowhere else.
crescendo_status crescendo_answer_set(crescendo_answer *answer, const char *text, size_t length);


/* ==== The machine ======================================================================================= */

// Makes a context of this machine. Nothing is asked of any reader or key, and no service has to run. It heeds
// the settings that the README tells of (/etc/crescendo, and variables of the environment, some of which
// later calls read too: no thread changes the environment meanwhile). With CRESCENDO_LOG=debug there, the
// library tells on standard error what it does, never a PIN, a key or content. Any thread.
crescendo_status crescendo_context_new(crescendo_context **context);

// Frees a context. NULL is none. Devices that were opened with it stay usable. No other thread uses it any
// more.
void crescendo_context_free(crescendo_context *context);


/* ==== Devices =========================================================================================== */

// What is in a reader, as far as is known.
CRESCENDO_ENUM(crescendo_state)
{
    // No card, or none that answers.
    CRESCENDO_STATE_EMPTY = 1,
    // A card, and nothing has been read from it yet.
    CRESCENDO_STATE_UNREAD = 2,
    // A Crescendo with an identity.
    CRESCENDO_STATE_RECOGNISED = 3,
    // A Crescendo as it is delivered: it has to be personalized first.
    CRESCENDO_STATE_FACTORY = 4,
    // A PIV card of another make.
    CRESCENDO_STATE_OTHER_PIV = 5,
    // A card without the PIV application.
    CRESCENDO_STATE_NOT_PIV = 6,
    // A card that could not be read, this time: `problem` tells why.
    CRESCENDO_STATE_UNREADABLE = 7,
    // A security key that is no card, or does not tell which reader is its own.
    CRESCENDO_STATE_KEY = 8,
};

// What a device tells of its PIN.
CRESCENDO_ENUM(crescendo_pin_state)
{
    // Nothing was read yet.
    CRESCENDO_PIN_STATE_UNKNOWN = 0,
    // It was entered, here or in another program.
    CRESCENDO_PIN_STATE_VERIFIED = 1,
    // It was not entered, and `tries` are left.
    CRESCENDO_PIN_STATE_LOCKED = 2,
    // No tries are left.
    CRESCENDO_PIN_STATE_BLOCKED = 3,
    // No tries are left over contactless; over contact there may be.
    CRESCENDO_PIN_STATE_CONTACT_ONLY = 4,
    // There is no such PIN.
    CRESCENDO_PIN_STATE_ABSENT = 5,
};

// The key side of a device.
typedef struct crescendo_key_side {
    // Where the system has it.
    crescendo_text path;
    // Its USB vendor id.
    uint16_t vendor;
    // Its USB product id.
    uint16_t product;
    // Whether it speaks the update protocol.
    bool updatable;
    // Whether it is in update mode.
    bool update_mode;
    // The version of its firmware, if it tells.
    crescendo_text firmware;
    // Why it did not answer.
    crescendo_text problem;
} crescendo_key_side;

// One device, as far as it is known.
typedef struct crescendo_summary {
    // What is in the reader.
    crescendo_state state;
    // What a person calls it.
    crescendo_text name;
    // The device ID: the number printed on a Crescendo (20 digits), else the card UUID (32 hexadecimal
    // digits), or the serial number of a key without a card.
    crescendo_text id;
    // The serial number of the token, as PKCS#11 shows it: 16 hexadecimal digits.
    crescendo_text serial;
    // Whose it is, as its first certificate tells.
    crescendo_text label;
    // The reader it is in; of a key without a card, where the system has it.
    crescendo_text reader;
    // The answer to reset; NULL without a card.
    const uint8_t *atr;
    // How many bytes that is.
    size_t atr_length;
    // What it last told of its PIN.
    crescendo_pin_state pin;
    // How many tries are left; -1 where that is not known.
    int32_t tries;
    // Whether it lies on a contactless reader.
    bool contactless;
    // Whether it is spoken to through its virtual contact interface.
    bool vci;
    // Its key side; NULL where there is none, or none that is known to be a part of it.
    const crescendo_key_side *key;
    // Why it could not be read.
    crescendo_text problem;
} crescendo_summary;

// The devices of a machine.
typedef struct crescendo_devices {
    // How many.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_summary *const *items;
    // What crescendo_devices_wait compares: another number once a reader, a card or a key has come or gone.
    uint64_t mark;
} crescendo_devices;

// Lists every reader with what is in it, empty ones too, and every security key. `load` false: nothing is
// asked of any, and what a device is called is known at once. `load` true: each is read, one after the other,
// and the two sides of a key become one device; a program that wants slow readers side by side opens each in
// a thread of its own. The result is freed with crescendo_devices_free. Any thread.
crescendo_status crescendo_devices_list(
    const crescendo_context *context, bool load, const crescendo_devices **devices);

// Waits until a reader, a card or a key has come or gone since `mark` was told, for `timeout_ms` milliseconds
// at most; negative: without a limit. `changed` tells whether one did. `callbacks` are told at each step, and
// can cancel it. Any thread.
crescendo_status crescendo_devices_wait(
    const crescendo_context *context, uint64_t mark, int64_t timeout_ms, const crescendo_callbacks *callbacks,
    bool *changed);

// Tells what is known of a device, after reading what was not read yet; `reload` reads all of it once more,
// as after a change by another program, and ends what was authenticated here. The result is freed with
// crescendo_summary_free. Any thread.
crescendo_status crescendo_device_summary(
    const crescendo_device *device, bool reload, const crescendo_summary **result);

// Frees a list. NULL is none.
void crescendo_devices_free(const crescendo_devices *devices);

// Frees what is known of a device. NULL is none. Those in a list go with the list.
void crescendo_summary_free(const crescendo_summary *summary);


/* ==== One device ======================================================================================== */

// Opens the device with a card side that goes by `name`: its ID, name, label or reader, whole or in part.
// NULL: the only one there is. A device named by its reader or its own name is found without disturbing any
// other. Any thread.
crescendo_status crescendo_device_open(
    const crescendo_context *context, const char *name, size_t name_length, crescendo_device **device);

// Lets go of the connection to the card. What was authenticated here is over, as by
// crescendo_device_end_authentication; logins of other programs stay, and those by other handles. The next
// call connects again. A program that keeps a device open without using it does this, so that others can end
// their login. Any thread.
crescendo_status crescendo_device_let_go(const crescendo_device *device);

// Lets commands be sent that write and of which nobody has published that this device takes them; without
// this they are refused with CRESCENDO_STATUS_NOT_CONFIRMED. Any thread.
crescendo_status crescendo_device_permit_unconfirmed(const crescendo_device *device, bool permit);

// Frees a device, and lets go of it first. NULL is none. No other thread uses it any more.
void crescendo_device_free(crescendo_device *device);


/* ==== What a device tells of itself ===================================================================== */

// A key with a certificate.
typedef struct crescendo_info_key {
    // Which one: its key reference, as in 0x9A (SP 800-73-5 part 1, table 5).
    uint8_t reference;
    // The same in hexadecimal.
    crescendo_text key;
    // What it is for, as in "PIV authentication".
    crescendo_text purpose;
    // Its algorithm, as in "RSA-2048" or "P-256".
    crescendo_text algorithm;
    // Why the certificate does not tell that.
    crescendo_text problem;
} crescendo_info_key;

// An application of a card.
typedef struct crescendo_application {
    // What people call it.
    crescendo_text name;
    // Its version or label, where it says so.
    crescendo_text version;
} crescendo_application;

// What a device tells of itself.
typedef struct crescendo_info {
    // What a person calls it.
    crescendo_text name;
    // The device ID: see crescendo_summary.
    crescendo_text id;
    // The serial number of the token, as PKCS#11 shows it: 16 hexadecimal digits.
    crescendo_text serial;
    // Whose it is, as its first certificate tells.
    crescendo_text label;
    // The reader it is in.
    crescendo_text reader;
    // The answer to reset.
    const uint8_t *atr;
    // How many bytes that is.
    size_t atr_length;
    // The family and kind of a Crescendo, as in "C4000-KEY"; no text for other cards.
    crescendo_text family;
    // Whether it lies on a contactless reader.
    bool contactless;
    // Whether it says that over contactless it can be used as with contacts (virtual contact interface).
    bool vci;
    // Whether the PIN that it asks for first is the global one, and not the one of its PIV application.
    bool global_pin;
    // What it tells of its PIN.
    crescendo_pin_state pin;
    // How many tries are left; -1 where that is not known.
    int32_t tries;
    // The card UUID, as in "00112233-4455-6677-8899-aabbccddeeff".
    crescendo_text guid;
    // When the card expires, as in "2041-12-31".
    crescendo_text expiry;
    // The keys with a certificate; NULL where there are none.
    const crescendo_info_key *const *keys;
    // How many.
    size_t key_count;
    // Whether it was asked for what comes next: that is not done with cards that are no Crescendo, over
    // contactless, and where somebody is logged in, who would be logged out.
    bool asked;
    // The applications that it has; NULL where there are none.
    const crescendo_application *const *applications;
    // How many.
    size_t application_count;
    // How many bytes are free in it; -1 where it does not tell.
    int64_t free_memory;
    // The fewest characters of its PIN; 0 where it does not tell.
    uint32_t pin_min;
    // The most characters of its PIN; 0 where it does not tell.
    uint32_t pin_max;
    // Whether its PIN is of digits alone.
    bool pin_digits;
} crescendo_info;

// Reads what a device tells of itself without its PIN: its certificates, to know its keys, and the
// applications that it has. It takes seconds where the certificates are not remembered. What can be done with
// it is told by crescendo_device_offers. The result is freed with crescendo_info_free. Any thread.
crescendo_status crescendo_device_info(const crescendo_device *device, const crescendo_info **info);

// Frees what a device tells of itself. NULL is none.
void crescendo_info_free(const crescendo_info *info);


/* ==== What can be done with a device ==================================================================== */

// What a person can do with a device.
CRESCENDO_ENUM(crescendo_action)
{
    // Enter the PIN.
    CRESCENDO_ACTION_AUTHENTICATE = 1,
    // Change the PIN.
    CRESCENDO_ACTION_CHANGE_PIN = 2,
    // Set a new PIN in place of a blocked one.
    CRESCENDO_ACTION_UNBLOCK = 3,
    // See the PUK.
    CRESCENDO_ACTION_SHOW_PUK = 4,
    // Ask for the pairing code.
    CRESCENDO_ACTION_PAIRING = 5,
    // Drop what is remembered of it.
    CRESCENDO_ACTION_CLEAR_CACHE = 6,
    // Look at its certificates.
    CRESCENDO_ACTION_CERTIFICATES = 7,
    // Make keys, write and delete certificates.
    CRESCENDO_ACTION_CHANGE_CERTIFICATES = 8,
    // One-time passwords.
    CRESCENDO_ACTION_OTP = 9,
    // Take it back to the state of delivery.
    CRESCENDO_ACTION_RECYCLE = 10,
    // Set it up.
    CRESCENDO_ACTION_PERSONALIZE = 11,
    // Give it other firmware.
    CRESCENDO_ACTION_UPDATE_FIRMWARE = 12,
};

// Why something cannot be done with a device.
CRESCENDO_ENUM(crescendo_why_not)
{
    // It can be done, or nobody knows better.
    CRESCENDO_WHY_NOT_OFFERED = 0,
    // No card is in the reader.
    CRESCENDO_WHY_NOT_NO_CARD = 1,
    // It could not be read.
    CRESCENDO_WHY_NOT_NOT_READ = 2,
    // It has no PIV application.
    CRESCENDO_WHY_NOT_NOT_PIV = 3,
    // It is a key without a card side.
    CRESCENDO_WHY_NOT_NO_CARD_SIDE = 4,
    // It is as delivered: personalize it first.
    CRESCENDO_WHY_NOT_FACTORY = 5,
    // It is set up already: recycle it first.
    CRESCENDO_WHY_NOT_NOT_FACTORY = 6,
    // The PIN was entered already.
    CRESCENDO_WHY_NOT_AUTHENTICATED = 7,
    // The PIN is blocked: unblock it first.
    CRESCENDO_WHY_NOT_BLOCKED = 8,
    // The card has no such PIN.
    CRESCENDO_WHY_NOT_NO_PIN = 9,
    // On this contactless reader it takes no PIN.
    CRESCENDO_WHY_NOT_CONTACTLESS = 10,
    // That needs a contact reader.
    CRESCENDO_WHY_NOT_CONTACT_NEEDED = 11,
    // It has no pairing code.
    CRESCENDO_WHY_NOT_NO_PAIRING_CODE = 12,
    // It is no Crescendo.
    CRESCENDO_WHY_NOT_NO_CRESCENDO = 13,
    // Only keys have that.
    CRESCENDO_WHY_NOT_NO_KEY = 14,
    // A management system keeps it to itself. That is known only after a right PIN was refused the right to
    // do something.
    CRESCENDO_WHY_NOT_MANAGED = 15,
    // No USB key that belongs to it was found.
    CRESCENDO_WHY_NOT_NO_KEY_SIDE = 16,
    // It does not speak the update protocol.
    CRESCENDO_WHY_NOT_NO_UPDATE_PROTOCOL = 17,
};

// An action, and whether it can be done.
typedef struct crescendo_offer {
    // The action.
    crescendo_action action;
    // Why it cannot be done; CRESCENDO_WHY_NOT_OFFERED: it can.
    crescendo_why_not why_not;
    // The reason as a sentence for a person; no text where it can be done.
    crescendo_text sentence;
} crescendo_offer;

// What can be done with a device, in the order people are shown it.
typedef struct crescendo_offers {
    // How many actions.
    size_t count;
    // Each of them.
    const crescendo_offer *const *items;
} crescendo_offers;

// Tells what can be done with the device, by what it is and in what state, after reading what was not read
// yet; and why not what cannot. An action that is asked for all the same fails, some only after a PIN was
// entered. The result is freed with crescendo_offers_free. Any thread.
crescendo_status crescendo_device_offers(const crescendo_device *device, const crescendo_offers **offers);

// Frees them. NULL is none.
void crescendo_offers_free(const crescendo_offers *offers);


/* ==== PIN =============================================================================================== */

// Which PIN a card asks for (SP 800-73-5 part 1, 3.3.2).
CRESCENDO_ENUM(crescendo_pin_reference)
{
    // That of the PIV application (80).
    CRESCENDO_PIN_REFERENCE_APPLICATION = 1,
    // That of all of the card's applications (00).
    CRESCENDO_PIN_REFERENCE_GLOBAL = 2,
};

// What a device tells of its PUK.
CRESCENDO_ENUM(crescendo_puk_state)
{
    // It does not tell; there may be one.
    CRESCENDO_PUK_STATE_UNTOLD = 0,
    // There is one, and tries of it are left.
    CRESCENDO_PUK_STATE_THERE = 1,
    // It is blocked, for good.
    CRESCENDO_PUK_STATE_BLOCKED = 2,
    // It has none of its own; a code of 16 characters may stand for it.
    CRESCENDO_PUK_STATE_ABSENT = 3,
};

// Whether a help desk can unblock a device by challenge and response.
CRESCENDO_ENUM(crescendo_help_desk)
{
    // It cannot.
    CRESCENDO_HELP_DESK_NO = 1,
    // It can, if the device has an administration key: that is found out when it is tried.
    CRESCENDO_HELP_DESK_YES = 2,
    // Perhaps: nobody has published that. crescendo_device_permit_unconfirmed lets it be tried.
    CRESCENDO_HELP_DESK_UNCONFIRMED = 3,
};

// What is known of a PIN, and what a person can do about it.
typedef struct crescendo_pin_info {
    // How it stands, asked now.
    crescendo_pin_state state;
    // How many tries are left; -1 where that is not known, as after it was entered.
    int32_t tries;
    // Which PIN that is.
    crescendo_pin_reference reference;
    // The fewest characters of a new PIN.
    uint32_t min;
    // The most characters of it.
    uint32_t max;
    // Digits alone are taken.
    bool digits;
    // A run (123456) or a repetition (111111, 121212) is not taken.
    bool refuse_trivial;
    // The old PIN is not taken.
    bool refuse_old;
    // The device has told its part of that; else it is as the standard has it, as while the PIN is entered.
    bool told;
    // The same in words, as in "6 to 8 digits, not the old PIN".
    crescendo_text rules;
    // How the PUK stands.
    crescendo_puk_state puk;
    // How many tries of it are left; -1 where that is not known.
    int32_t puk_tries;
    // Whether a help desk can unblock it.
    crescendo_help_desk help_desk;
} crescendo_pin_info;

// Tells how the PIN stands, what a new one has to look like (as the device and the owner of this machine want
// it), and what lifts a blocked one. Asked now; no try of anything is spent. The result is freed with
// crescendo_pin_info_free. Any thread.
crescendo_status crescendo_pin_status(const crescendo_device *device, const crescendo_pin_info **status);

// Frees it. NULL is none.
void crescendo_pin_info_free(const crescendo_pin_info *status);

// Enters the PIN once, for what this program does next with the device: a call that takes a PIN and is given
// none takes this one, but for those that use a key, find out or change the PIN. It is forgotten by
// crescendo_device_end_authentication, when the device lets go or is freed, when a PIN is refused, the card
// is removed, or 15 minutes pass without use; on the card it stays entered until one of the first three.
// `pin` NULL: the callback `ask` is called. One wrong PIN costs one try, and what can be no PIN costs none.
// Any thread.
crescendo_status crescendo_device_authenticate(
    const crescendo_device *device, const char *pin, size_t pin_length, const crescendo_callbacks *callbacks);

// Ends what crescendo_device_authenticate began, here, and on the card unless another program is connected to
// it, or this one with another handle. Any thread.
crescendo_status crescendo_device_end_authentication(const crescendo_device *device);

// Forgets PINs: the one that was entered here, those that other programs of this user keep for the device,
// and on the card that one was entered, whichever program did. The next use of its keys needs the PIN again,
// everywhere. Any thread.
crescendo_status crescendo_device_forget_pins(const crescendo_device *device);

// Finds out whether this is the PIN: CRESCENDO_STATUS_OK or CRESCENDO_STATUS_WRONG_PIN. One wrong PIN costs
// one try, and what can be no PIN costs none. The device is locked afterwards, unless it was not before.
// `pin` NULL: the callback `ask` is called. Any thread.
crescendo_status crescendo_pin_verify(
    const crescendo_device *device, const char *pin, size_t pin_length, const crescendo_callbacks *callbacks);

// Checks whether a new PIN is as the device and the owner of this machine (/etc/crescendo/policy.toml) want
// it, as while somebody types it: CRESCENDO_STATUS_OK, or CRESCENDO_STATUS_PIN_REJECTED, and the message of
// crescendo_last_error() tells what is wrong with it. Neither PIN is sent, and no try is spent. `old_pin` may
// be NULL: then nobody finds out whether it is the same.
//
// While the callback `ask` asks for a new PIN of this device, this may be called in it, and in any other
// thread: it does not wait for the call that asks, and checks by the rules of that. Any thread.
crescendo_status crescendo_pin_check(
    const crescendo_device *device, const char *new_pin, size_t new_pin_length, const char *old_pin,
    size_t old_pin_length);

// Changes the PIN. Each that is NULL is asked for with the callback `ask`: first the old one, then the new
// one, with what is wanted of it (`min`, `max`, `digits`, `rules`); one that is not like that is asked for
// again, with the `problem`. A new PIN that was given and is not like that: CRESCENDO_STATUS_PIN_REJECTED,
// and nothing is sent. One wrong old PIN costs one try, and what can be no PIN costs none.
//
// The device is locked afterwards, unless it was not before. CRESCENDO_STATUS_UNCERTAIN: the card was lost
// before it answered, and has the old PIN or the new one: crescendo_pin_verify finds out. Any thread.
crescendo_status crescendo_pin_change(
    const crescendo_device *device, const char *old_pin, size_t old_pin_length, const char *new_pin,
    size_t new_pin_length, const crescendo_callbacks *callbacks);


/* ==== Unblocking ======================================================================================== */

// Sets a new PIN with the PUK: that of the card (8 digits), or the code of 16 characters that stands for the
// administration key of a Crescendo. All tries of the PIN are there again. Each that is NULL is asked for
// with the callback `ask`: first the PUK, with its tries, then the new PIN, as by crescendo_pin_change. One
// wrong PUK of a card costs one try, which do not come back but with the right one:
// CRESCENDO_STATUS_WRONG_PUK; what can be no PUK costs none. A wrong code is CRESCENDO_STATUS_WRONG_KEY.
//
// In contact readers only. What a Crescendo may not be known to take is sent only with
// crescendo_device_permit_unconfirmed. CRESCENDO_STATUS_UNCERTAIN: as by crescendo_pin_change. Any thread.
crescendo_status crescendo_pin_unblock_with_puk(
    const crescendo_device *device, const char *puk, size_t puk_length, const char *new_pin,
    size_t new_pin_length, const crescendo_callbacks *callbacks);

// Sets a new PIN with the administration key (XAUTH) of a Crescendo: 32 hexadecimal digits (AES), or 48
// (3DES). Each that is NULL is asked for with the callback `ask`: first the key, then the new PIN.
// CRESCENDO_STATUS_WRONG_KEY: nothing was changed. Else as crescendo_pin_unblock_with_puk. Any thread.
crescendo_status crescendo_pin_unblock_with_key(
    const crescendo_device *device, const char *administration_key, size_t administration_key_length,
    const char *new_pin, size_t new_pin_length, const crescendo_callbacks *callbacks);

// Sets a new PIN with the help desk that administers a Crescendo. The new PIN comes first, given or asked
// for. Then the callback `ask` is called with CRESCENDO_QUESTION_KIND_RESPONSE: a person reads `device_id`
// and `challenge` to the help desk, and enters what it answers (crescendo_help_desk_response). What can be no
// response is asked for again, with the `problem`.
//
// The card is held until then, for as long as a telephone call takes, and no other program reaches it: after
// any other command the challenge is worth nothing. A callback that cancels leaves everything as it was. A
// wrong response is CRESCENDO_STATUS_WRONG_KEY. Else as crescendo_pin_unblock_with_key. Any thread.
crescendo_status crescendo_pin_unblock_with_help_desk(
    const crescendo_device *device, const char *new_pin, size_t new_pin_length,
    const crescendo_callbacks *callbacks);

// The response to the challenge of a device, as a person reads it out: it opens all administration of that
// device, once. From the master key of the help desk (32 to 128 hexadecimal digits), from which the
// administration keys of its devices are derived; the device ID; and the challenge: 16 or 32 hexadecimal
// digits, in groups or not. Nothing is sent to any device, and nothing is recorded.
// CRESCENDO_STATUS_KEY_FORMAT, CRESCENDO_STATUS_DEVICE_ID_FORMAT, CRESCENDO_STATUS_CHALLENGE_FORMAT: one of
// them can be none. The buffer is freed with crescendo_buffer_free, which wipes it. Any thread.
crescendo_status crescendo_help_desk_response(
    const char *master_key, size_t master_key_length, const char *device_id, size_t device_id_length,
    const char *challenge, size_t challenge_length, crescendo_buffer **response);

// The same from the administration key of this one device (32 or 48 hexadecimal digits), where there is no
// master key. Any thread.
crescendo_status crescendo_help_desk_response_with_key(
    const char *administration_key, size_t administration_key_length, const char *challenge,
    size_t challenge_length, crescendo_buffer **response);


/* ==== PUK =============================================================================================== */

// The PUK that is kept on the device, for whoever knows the PIN: 8 digits, or four groups of four characters
// with hyphens. `pin` NULL: the callback `ask` is called. One wrong PIN costs one try, and what can be no PIN
// costs none. The device is locked afterwards, unless it was not before. CRESCENDO_STATUS_NO_PUK_KEPT: there
// is none to be shown, as where a management system has it. The buffer is freed with crescendo_buffer_free,
// which wipes it. Any thread.
crescendo_status crescendo_puk_show(
    const crescendo_device *device, const char *pin, size_t pin_length, const crescendo_callbacks *callbacks,
    crescendo_buffer **puk);

// Has the device never show its PUK again: it is no longer kept there. It stays valid, for whoever has
// written it down. `yes`: a person has said that this is meant; else the callback `confirm` asks. `pin` NULL:
// the callback `ask` is called, after that; a wrong PIN costs one try. Any thread.
crescendo_status crescendo_puk_hide(
    const crescendo_device *device, const char *pin, size_t pin_length, bool yes,
    const crescendo_callbacks *callbacks);

// Changes the PUK of a card that has one: the new one has 8 digits. Each that is NULL is asked for with the
// callback `ask`: first the old one, with its tries. One wrong PUK costs one try, which do not come back but
// with the right one; what can be no PUK costs none. In contact readers only; that a Crescendo takes it is
// not known: crescendo_device_permit_unconfirmed. Any thread.
crescendo_status crescendo_puk_change(
    const crescendo_device *device, const char *old_puk, size_t old_puk_length, const char *new_puk,
    size_t new_puk_length, const crescendo_callbacks *callbacks);


/* ==== Pairing code ====================================================================================== */

// How a card is reached, and so what it takes.
CRESCENDO_ENUM(crescendo_interface)
{
    // Contacts, USB.
    CRESCENDO_INTERFACE_CONTACT = 1,
    // Contactless, and the card has no virtual contact interface: no PIN is sent.
    CRESCENDO_INTERFACE_PLAIN = 2,
    // Contactless, and there should be secure messaging, but the card is not believed, or it failed: neither
    // PIN nor code is sent.
    CRESCENDO_INTERFACE_CLOSED = 3,
    // Contactless, with secure messaging; the card waits for its pairing code.
    CRESCENDO_INTERFACE_UNPAIRED = 4,
    // Contactless, with secure messaging: as over contact.
    CRESCENDO_INTERFACE_VCI = 5,
};

// What a person does next, so that a card works on contactless readers.
CRESCENDO_ENUM(crescendo_pairing_next)
{
    // Nothing.
    CRESCENDO_PAIRING_NEXT_NOTHING = 1,
    // Nothing can be done: the card is for contact readers.
    CRESCENDO_PAIRING_NEXT_STAY_WITH_CONTACT = 2,
    // Retrieve the code and keep it, now that the card is in a contact reader: crescendo_pairing_retrieve.
    CRESCENDO_PAIRING_NEXT_RETRIEVE = 3,
    // Have the card vouched for: put it into a contact reader and retrieve its code, or install the
    // certificate of its issuer.
    CRESCENDO_PAIRING_NEXT_VOUCH = 4,
    // Give the card its code: crescendo_pairing_set, or put it into a contact reader and retrieve it.
    CRESCENDO_PAIRING_NEXT_GIVE_CODE = 5,
};

// What became of the signer of a card that was in a contact reader.
CRESCENDO_ENUM(crescendo_signer)
{
    // It is known from now on: the card is believed on contactless readers.
    CRESCENDO_SIGNER_LEARNT = 1,
    // The card offers no secure messaging, so there is nothing to learn.
    CRESCENDO_SIGNER_NOT_OFFERED = 2,
    // There is no place to keep it.
    CRESCENDO_SIGNER_NOT_KEPT = 3,
    // The card did not prove who it is: `problem` tells why.
    CRESCENDO_SIGNER_FAILED = 4,
};

// What is known of a card and its pairing code.
typedef struct crescendo_pairing_info {
    // How it is reached.
    crescendo_interface interface;
    // What a person does next.
    crescendo_pairing_next next;
    // Its reader is contactless, whatever it is treated as.
    bool contactless;
    // It says that it has the virtual contact interface.
    bool vci;
    // It says that it asks for a pairing code there.
    bool wants_code;
    // A code of it is kept for this login session. Whether it is the right one is found out when it is used.
    bool kept;
    // Who has signed it was learnt in a contact reader, or at first use.
    bool learnt;
    // Certificates are installed that vouch for cards. With those, one that they do not vouch for has to be
    // learnt.
    bool anchors;
    // A card that nobody vouches for is believed when it is first seen.
    bool first_use;
    // The cipher suite of its secure messaging, as in "CS2 (P-256, SHA-256, AES-128)"; no text without.
    crescendo_text suite;
    // Why it is CRESCENDO_INTERFACE_CLOSED.
    crescendo_text problem;
} crescendo_pairing_info;

// What a card has told in a contact reader, beside its code.
typedef struct crescendo_retrieved {
    // Whether it has a pairing code; one without asks for none.
    bool has_code;
    // Whether that is kept now.
    bool kept;
    // What became of its signer.
    crescendo_signer signer;
    // Why the signer is CRESCENDO_SIGNER_FAILED.
    crescendo_text problem;
} crescendo_retrieved;

// Tells what is known of the card and its pairing code. Neither PIN nor code is sent; on a contactless reader
// the card is asked to prove who it is. The result is freed with crescendo_pairing_info_free. Any thread.
crescendo_status crescendo_pairing_status(
    const crescendo_device *device, const crescendo_pairing_info **status);

// Asks the card for its pairing code, in a contact reader, and learns who has signed it: with both it works
// on contactless readers. `pin` NULL: the callback `ask` is called. One wrong PIN costs one try, and what can
// be no PIN costs none. The device is locked afterwards, unless it was not before.
//
// `keep`: the code is kept until this person logs out of this machine, for all of their programs;
// CRESCENDO_STATUS_NOT_KEPT: there is no place that ends with the login. `code` is the code, 8 digits, freed
// with crescendo_buffer_free, which wipes it; NULL is written there for a card that asks for none. `code` may
// be NULL if nobody is to see it. `retrieved` tells the rest, and is freed with crescendo_retrieved_free; it
// may be NULL, too. CRESCENDO_STATUS_NO_PAIRING_CODE: there was neither code nor signer. Any thread.
crescendo_status crescendo_pairing_retrieve(
    const crescendo_device *device, const char *pin, size_t pin_length, bool keep,
    const crescendo_callbacks *callbacks, crescendo_buffer **code, const crescendo_retrieved **retrieved);

// Keeps a pairing code until this person logs out of this machine, for all of their programs. `code` NULL:
// the callback `ask` is called. On a contactless reader the card is asked whether it is the right one,
// CRESCENDO_STATUS_WRONG_CODE, and `checked` becomes true; in a contact reader it cannot be asked. A wrong
// code costs nothing, and no PIN is sent. Any thread.
crescendo_status crescendo_pairing_set(
    const crescendo_device *device, const char *code, size_t code_length,
    const crescendo_callbacks *callbacks, bool *checked);

// Forgets the pairing code that is kept of the card, and if `signer` says so, who has signed it: then it is
// put into a contact reader before it is used without contacts again. The card itself is not changed.
// `code_forgotten` and `signer_forgotten` tell whether there was one to be forgotten. A program that uses the
// card now goes on until it is closed. Any thread.
crescendo_status crescendo_pairing_forget(
    const crescendo_device *device, bool signer, bool *code_forgotten, bool *signer_forgotten);

// Frees it. NULL is none.
void crescendo_pairing_info_free(const crescendo_pairing_info *status);

// Frees it. NULL is none. The code is a buffer of its own.
void crescendo_retrieved_free(const crescendo_retrieved *retrieved);


/* ==== Rights to write =================================================================================== */

// What a device is changed with in place of its PIN.
CRESCENDO_ENUM(crescendo_right)
{
    // What is given, or else what the device takes anyway.
    CRESCENDO_RIGHT_USUAL = 0,
    // Its administration key (XAUTH).
    CRESCENDO_RIGHT_ADMINISTRATION_KEY = 1,
    // Its management key (9B).
    CRESCENDO_RIGHT_MANAGEMENT_KEY = 2,
    // Its PUK of 16 characters.
    CRESCENDO_RIGHT_PUK = 3,
};

// By what right a device is changed. A Crescendo takes its PIN, or its administration key (XAUTH), for some
// things with the PIN; a card by the standard takes its management key (9B), and its PIN where a key of it is
// used. What is needed and not given is asked for with the callback `ask`; what the device does not take is
// refused with CRESCENDO_STATUS_UNSUPPORTED before anything is sent. All of it may be NULL.
typedef struct crescendo_rights {
    // sizeof(crescendo_rights)
    size_t size;
    // The PIN.
    const char *pin;
    // Its length, or CRESCENDO_TERMINATED.
    size_t pin_length;
    // The administration key of a Crescendo (XAUTH key 1), in hexadecimal.
    const char *administration_key;
    // Its length, or CRESCENDO_TERMINATED.
    size_t administration_key_length;
    // The management key of another card (9B), in hexadecimal.
    const char *management_key;
    // Its length, or CRESCENDO_TERMINATED.
    size_t management_key_length;
    // The PUK of 16 characters, which stands for the administration key: crescendo_recycle takes it where the
    // PIN is blocked or forgotten, and nothing else does.
    const char *puk;
    // Its length, or CRESCENDO_TERMINATED.
    size_t puk_length;
    // One of crescendo_right: this one is used, and asked for if it is not given. 0: what is given, or else
    // what the device takes anyway.
    int32_t right;
} crescendo_rights;


/* ==== Certificates and keys ============================================================================= */

// What is to be noticed of a certificate's validity.
CRESCENDO_ENUM(crescendo_mark)
{
    // Nothing.
    CRESCENDO_MARK_NONE = 0,
    // It is not valid yet.
    CRESCENDO_MARK_NOT_YET_VALID = 1,
    // It is valid for less than 30 days more.
    CRESCENDO_MARK_EXPIRES_WITHIN_MONTH = 2,
    // It is not valid any more.
    CRESCENDO_MARK_EXPIRED = 3,
};

// Where a key comes from.
CRESCENDO_ENUM(crescendo_key_origin)
{
    // The card does not tell.
    CRESCENDO_KEY_ORIGIN_UNKNOWN = 0,
    // It was made on the card: nobody has a copy.
    CRESCENDO_KEY_ORIGIN_GENERATED = 1,
    // It was brought from elsewhere.
    CRESCENDO_KEY_ORIGIN_IMPORTED = 2,
};

// A kind of key.
CRESCENDO_ENUM(crescendo_algorithm)
{
    // ECC on P-256; for 9D and retired keys RSA-2048.
    CRESCENDO_ALGORITHM_USUAL = 0,
    // ECC on P-256.
    CRESCENDO_ALGORITHM_P256 = 1,
    // ECC on P-384.
    CRESCENDO_ALGORITHM_P384 = 2,
    // RSA with 2048 bits.
    CRESCENDO_ALGORITHM_RSA2048 = 3,
    // RSA with 3072 bits.
    CRESCENDO_ALGORITHM_RSA3072 = 4,
    // RSA with 4096 bits.
    CRESCENDO_ALGORITHM_RSA4096 = 5,
};

// How a certificate or a request is written.
CRESCENDO_ENUM(crescendo_format)
{
    // The bytes as they are on the card.
    CRESCENDO_FORMAT_DER = 1,
    // Text (RFC 7468).
    CRESCENDO_FORMAT_PEM = 2,
};

// A certificate, by its key.
typedef struct crescendo_certificate {
    // The key: 0x9A, 0x9C, 0x9D, 0x9E, or a retired one from 0x82 to 0x95.
    uint8_t key;
    // The same as a text, as in "9A".
    crescendo_text key_name;
    // What the key is for, as in "PIV authentication".
    crescendo_text purpose;
    // Whose it is (RFC 4514); as the other texts of the certificate without one if it cannot be read.
    crescendo_text subject;
    // Who issued it (RFC 4514).
    crescendo_text issuer;
    // Its serial number, as in "0F:A2".
    crescendo_text serial;
    // Since when it is valid, in seconds since 1970 (UTC).
    int64_t not_before;
    // Until when it is valid, in seconds since 1970 (UTC).
    int64_t not_after;
    // What is to be noticed of that now.
    crescendo_mark mark;
    // The kind of its key, as in "RSA-2048" or "P-256".
    crescendo_text algorithm;
    // SHA-256 of the whole certificate; 0 if it cannot be read.
    uint8_t fingerprint[32];
    // The whole certificate, DER; NULL if it cannot be read.
    const uint8_t *der;
    // How many bytes that is.
    size_t der_length;
    // Why it cannot be read.
    crescendo_text problem;
} crescendo_certificate;

// The certificates of a device.
typedef struct crescendo_certificates {
    // How many.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_certificate *const *items;
} crescendo_certificates;

// A key without a certificate. Programs have no use for it until it has one.
typedef struct crescendo_bare_key {
    // The key: 0x9A, 0x9C, 0x9D, 0x9E, or a retired one from 0x82 to 0x95.
    uint8_t key;
    // The same as a text, as in "9A".
    crescendo_text key_name;
    // What the key is for.
    crescendo_text purpose;
    // Its kind, as in "P-256", if the card tells.
    crescendo_text algorithm;
    // Where it comes from.
    crescendo_key_origin origin;
} crescendo_bare_key;

// The keys of a device that have no certificate.
typedef struct crescendo_bare_keys {
    // How many.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_bare_key *const *items;
} crescendo_bare_keys;

// What was taken from a file.
typedef struct crescendo_imported {
    // A certificate was put onto the device. Without one, other programs do not see the key.
    bool certificate;
    // A private key was.
    bool private_key;
    // How many further certificates the file has, which a device has no place for.
    size_t left_out;
} crescendo_imported;

// Whose certificate it is to be, and of which key.
typedef struct crescendo_certificate_options {
    // sizeof(crescendo_certificate_options)
    size_t size;
    // Whose it is, as in "CN=Ada Lovelace,O=Example" (RFC 4514).
    const char *subject;
    // Its length, or CRESCENDO_TERMINATED.
    size_t subject_length;
    // Other names, each as in "email:ada@example.org", "dns:...", "ip:...", "uri:..." or "upn:...", each with
    // a NUL at its end; or NULL.
    const char *const *names;
    // How many of those.
    size_t name_count;
    // The kind of the new key, one of crescendo_algorithm; 0 is the usual one. 0 with `existing`.
    int32_t algorithm;
    // For how many days a certificate is valid that the key signs itself, up to 36500; 0 is 365.
    uint32_t days;
    // 1: the key that is there is used, and none is made.
    uint8_t existing;
} crescendo_certificate_options;

// Lists the certificates of a device, with marks as of now. No PIN is needed. One that cannot be read is
// listed all the same, with its `problem`. The result is freed with crescendo_certificates_free. Any thread.
crescendo_status crescendo_certificates_list(
    const crescendo_device *device, const crescendo_certificates **certificates);

// Lists the keys that have no certificate. No PIN is needed. Cards by the standard without vendor extensions
// tell of none. The result is freed with crescendo_bare_keys_free. Any thread.
crescendo_status crescendo_bare_keys_list(const crescendo_device *device, const crescendo_bare_keys **keys);

// Gives the certificate of one key, in one of crescendo_format. `key` is its number, as in 0x9A. No PIN is
// needed. CRESCENDO_STATUS_NO_CERTIFICATE: the key has none. The bytes are freed with crescendo_buffer_free.
// Any thread.
crescendo_status crescendo_certificate_export(
    const crescendo_device *device, uint8_t key, int32_t format, crescendo_buffer **certificate);

// Frees a list. NULL is none.
void crescendo_certificates_free(const crescendo_certificates *certificates);

// Frees a list. NULL is none.
void crescendo_bare_keys_free(const crescendo_bare_keys *keys);

// Brings a certificate, a private key or both to the device, from the bytes of a file: PEM, DER or PKCS #12.
// `certificate_only`: a private key in the file is left out. A certificate is taken if it belongs to the key
// that is there, or to the one in the file. `passphrase` is that of an encrypted file; NULL: it is asked for
// if there is need. What is lost is confirmed with `confirm`, unless `yes`; with CRESCENDO_STATUS_NO_CALLBACK
// nothing was done. `imported` tells what was taken, and is freed with crescendo_imported_free. Any thread.
crescendo_status crescendo_certificate_import(
    const crescendo_device *device, uint8_t key, const uint8_t *file, size_t file_length,
    const char *passphrase, size_t passphrase_length, bool certificate_only, const crescendo_rights *rights,
    bool yes, const crescendo_callbacks *callbacks, const crescendo_imported **imported);

// Deletes the certificate of a key; the key stays. What is lost is confirmed with `confirm`, unless `yes`;
// with CRESCENDO_STATUS_NO_CALLBACK nothing was done. CRESCENDO_STATUS_NO_CERTIFICATE: there is none. Any
// thread.
crescendo_status crescendo_certificate_delete(
    const crescendo_device *device, uint8_t key, const crescendo_rights *rights, bool yes,
    const crescendo_callbacks *callbacks);

// Deletes a key and its certificate, for good. What is lost is confirmed with `confirm`, unless `yes`; with
// CRESCENDO_STATUS_NO_CALLBACK nothing was done. CRESCENDO_STATUS_NO_KEY: there is none. Not every device has
// a way: CRESCENDO_STATUS_UNSUPPORTED, CRESCENDO_STATUS_NOT_CONFIRMED. Any thread.
crescendo_status crescendo_key_delete(
    const crescendo_device *device, uint8_t key, const crescendo_rights *rights, bool yes,
    const crescendo_callbacks *callbacks);

// Frees what was told of an import. NULL is none.
void crescendo_imported_free(const crescendo_imported *imported);

// Has the device make a key, in place of the one that is there. `algorithm` is one of crescendo_algorithm.
// RSA can take up to a minute. What is lost is confirmed with `confirm`, unless `yes`; with
// CRESCENDO_STATUS_NO_CALLBACK nothing was done. `public_key` is a SubjectPublicKeyInfo, DER, and freed with
// crescendo_buffer_free. Until the key has a certificate, other programs do not see it. Any thread.
crescendo_status crescendo_key_generate(
    const crescendo_device *device, uint8_t key, int32_t algorithm, const crescendo_rights *rights, bool yes,
    const crescendo_callbacks *callbacks, crescendo_buffer **public_key);

// Makes a request for a certificate (PKCS #10), signed by the key: by a new one, which is made as
// crescendo_key_generate does, or by the one that is there (`existing`). It is written in one of
// crescendo_format, and freed with crescendo_buffer_free. What the issuer answers is put onto the device with
// crescendo_certificate_import. A failure after the key was made says so in its message: then `existing` goes
// on from there. Any thread.
crescendo_status crescendo_certificate_request(
    const crescendo_device *device, uint8_t key, const crescendo_certificate_options *options, int32_t format,
    const crescendo_rights *rights, bool yes, const crescendo_callbacks *callbacks,
    crescendo_buffer **request);

// Puts a certificate onto the device that the key signs itself: a new key, which is made as
// crescendo_key_generate does, or the one that is there (`existing`). `certificate` is DER, and freed with
// crescendo_buffer_free. A failure after the key was made says so in its message: then `existing` goes on
// from there. Any thread.
crescendo_status crescendo_certificate_self_sign(
    const crescendo_device *device, uint8_t key, const crescendo_certificate_options *options,
    const crescendo_rights *rights, bool yes, const crescendo_callbacks *callbacks,
    crescendo_buffer **certificate);


/* ==== One-time passwords ================================================================================ */

// How one-time passwords come about.
CRESCENDO_ENUM(crescendo_otp_kind)
{
    // The slot does not tell, or nothing is configured in it.
    CRESCENDO_OTP_KIND_UNKNOWN = 0,
    // By a counter, which each code moves on (HOTP, RFC 4226).
    CRESCENDO_OTP_KIND_HOTP = 1,
    // By the time (TOTP, RFC 6238).
    CRESCENDO_OTP_KIND_TOTP = 2,
};

// A slot for one-time passwords. No secret is ever told.
typedef struct crescendo_otp_slot {
    // Its number, from 1.
    uint8_t slot;
    // How its codes come about.
    crescendo_otp_kind kind;
    // How many digits they have; 0 where it does not tell.
    uint32_t digits;
    // For how many seconds a code by the time is good; 0 where it does not tell.
    uint32_t period;
    // The version of what computes them, as in "3.0.3.2".
    crescendo_text version;
} crescendo_otp_slot;

// The slots of a device.
typedef struct crescendo_otp_slots {
    // How many: 0 where a device has no one-time passwords.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_otp_slot *const *items;
} crescendo_otp_slots;

// How a code is asked for. All zero but the size is the usual.
typedef struct crescendo_otp_options {
    // sizeof(crescendo_otp_options)
    size_t size;
    // One of crescendo_otp_kind; 0: as the slot says.
    int32_t kind;
    // The time that the code is for, in seconds since 1970; 0: now.
    uint32_t time;
    // The PIN, which codes by the time want; NULL: it is asked for.
    const char *pin;
    // Its length, or CRESCENDO_TERMINATED.
    size_t pin_length;
} crescendo_otp_options;

// Lists the slots of a key for one-time passwords. CRESCENDO_STATUS_IN_USE: somebody is logged in, and would
// be logged out by asking; what crescendo_device_authenticate began here is no hindrance while no other
// program is connected to the device. The result is freed with crescendo_otp_slots_free. Any thread.
crescendo_status crescendo_otp_list(const crescendo_device *device, const crescendo_otp_slots **slots);

// Frees a list. NULL is none.
void crescendo_otp_slots_free(const crescendo_otp_slots *slots);

// Gets a code from a slot (1, 2 or 3), as text: a code by the counter moves it on. `options` may be NULL.
// Where the key wants its button pressed, `tell` is called with CRESCENDO_STEP_PRESS_BUTTON and the time that
// is left, four times a second, for 30 seconds: then it is CRESCENDO_STATUS_NO_BUTTON. A wrong PIN costs one
// try. The code is freed with crescendo_buffer_free. Any thread.
crescendo_status crescendo_otp_code(
    const crescendo_device *device, uint8_t slot, const crescendo_otp_options *options,
    const crescendo_callbacks *callbacks, crescendo_buffer **code);

// Configures a slot (1, 2 or 3; slot 1 counts), and puts a secret there in place of the one it has. `seed` is
// a whole otpauth URI ("otpauth://totp/NAME?secret=...&digits=6&algorithm=SHA1&period=30"), or a secret for a
// counter in base32. What is lost is confirmed with `confirm`, unless `yes`; with
// CRESCENDO_STATUS_NO_CALLBACK nothing was done. `pin` NULL: it is asked for; a wrong one costs one try.
// Other values than a counter, SHA-1 and six digits, and keys of the 4000 family, are
// CRESCENDO_STATUS_NOT_CONFIRMED until crescendo_device_permit_unconfirmed. Any thread.
crescendo_status crescendo_otp_configure(
    const crescendo_device *device, uint8_t slot, const char *seed, size_t seed_length, const char *pin,
    size_t pin_length, bool yes, const crescendo_callbacks *callbacks);

// Takes the secret out of a slot (1, 2 or 3). What is lost is confirmed with `confirm`, unless `yes`; with
// CRESCENDO_STATUS_NO_CALLBACK nothing was done. `pin` NULL: it is asked for; a wrong one costs one try. Any
// thread.
crescendo_status crescendo_otp_delete(
    const crescendo_device *device, uint8_t slot, const char *pin, size_t pin_length, bool yes,
    const crescendo_callbacks *callbacks);


/* ==== Personalizing ===================================================================================== */

// Which characters the PINs of a device have.
CRESCENDO_ENUM(crescendo_pin_characters)
{
    // As the device has it.
    CRESCENDO_PIN_CHARACTERS_AS_IS = 0,
    // Digits alone.
    CRESCENDO_PIN_CHARACTERS_DIGITS = 1,
    // Any.
    CRESCENDO_PIN_CHARACTERS_ANY = 2,
};

// How a device is set up. All zero but the size is the usual: then the new PIN is asked for.
typedef struct crescendo_personalize_options {
    // sizeof(crescendo_personalize_options)
    size_t size;
    // The PIN it has; NULL: the one that such devices are delivered with.
    const char *current_pin;
    // Its length, or CRESCENDO_TERMINATED.
    size_t current_pin_length;
    // The PIN it gets; NULL: it is asked for.
    const char *new_pin;
    // Its length, or CRESCENDO_TERMINATED.
    size_t new_pin_length;
    // The fewest characters that PINs of this device have from now on, 4 to 8; 0: as it is. Of a Crescendo,
    // as the next two.
    uint32_t min;
    // The most characters that they have, 4 to 8; 0: as it is.
    uint32_t max;
    // Which characters they have, one of crescendo_pin_characters.
    int32_t characters;
    // The help desk's master key, in hexadecimal: the device gets an administration key made of it, and no
    // PUK. NULL: it gets a PUK. Of a Crescendo.
    const char *master_key;
    // Its length, or CRESCENDO_TERMINATED.
    size_t master_key_length;
    // The management key (9B) of a card that is no Crescendo, in hexadecimal; NULL: the one that such cards
    // are delivered with.
    const char *management_key;
    // Its length, or CRESCENDO_TERMINATED.
    size_t management_key_length;
} crescendo_personalize_options;

// What personalizing has done.
typedef struct crescendo_personalized {
    // The PUK is kept on the device: crescendo_puk_show shows it again.
    bool puk_kept;
    // The key that everybody knows is gone. false: the card knows no way, and whoever holds it can write to
    // it.
    bool factory_key_replaced;
} crescendo_personalized;

// Sets up a device that is in factory state: it gets a PIN, a PUK or the administration key of a help desk,
// and an identity. Its state is read afresh first: CRESCENDO_STATUS_NOT_OFFERED tells why it cannot be
// personalized. A program tells a person before that too many wrong PINs lock the device, without its PUK or
// a help desk for good. The PIN of delivery is tried once, unless `current_pin` is given:
// CRESCENDO_STATUS_NOT_FACTORY_PIN is one try less, and nothing else. `options` may be NULL. A new PIN is
// held against the rules of the device and of the machine before anything is sent. Crescendo devices mostly
// take what is written here only after crescendo_device_permit_unconfirmed. CRESCENDO_STATUS_UNFINISHED: the
// device was lost on the way, and the same is done once more.
//
// `puk` is to be shown once, and written down: NULL where a help desk is in its place, or the card keeps the
// one it has. `management_key` is the new one of a card that is no Crescendo, in hexadecimal, and is to be
// kept: NULL where it has none, or cannot replace it. Both are freed with crescendo_buffer_free, and the
// result with crescendo_personalized_free. Any thread.
crescendo_status crescendo_personalize(
    const crescendo_device *device, const crescendo_personalize_options *options,
    const crescendo_callbacks *callbacks, crescendo_buffer **puk, crescendo_buffer **management_key,
    const crescendo_personalized **personalized);

// Frees what was told. NULL is none.
void crescendo_personalized_free(const crescendo_personalized *personalized);


/* ==== Recycling ========================================================================================= */

// How a device goes back.
CRESCENDO_ENUM(crescendo_recycling)
{
    // RESET CARD of a Crescendo: everything goes, its administration key too.
    CRESCENDO_RECYCLING_RESET_CARD = 1,
    // The reset of the common vendor extensions: everything goes.
    CRESCENDO_RECYCLING_EXTENDED = 2,
    // Its data objects are emptied; keys, PIN, PUK and management key stay, because the standard knows no
    // way.
    CRESCENDO_RECYCLING_OBJECTS = 3,
};

// What became of the passkeys (FIDO) of a device, as far as their PIN shows it.
CRESCENDO_ENUM(crescendo_passkeys)
{
    // It has no FIDO.
    CRESCENDO_PASSKEYS_NONE = 1,
    // They are still there.
    CRESCENDO_PASSKEYS_KEPT = 2,
    // They are gone.
    CRESCENDO_PASSKEYS_CLEARED = 3,
    // It does not tell.
    CRESCENDO_PASSKEYS_UNTOLD = 4,
};

// What recycling would do.
typedef struct crescendo_recycle_plan {
    // In which way it would be done.
    crescendo_recycling way;
    // What is lost, a sentence each, one after the other.
    const crescendo_text *lines;
    // How many.
    size_t line_count;
} crescendo_recycle_plan;

// What recycling has done. The device is personalized next.
typedef struct crescendo_recycled {
    // In which way it was done.
    crescendo_recycling way;
    // What became of its passkeys.
    crescendo_passkeys passkeys;
} crescendo_recycled;

// Tells how the device would be recycled, and what would be lost. Nothing is asked for, and nothing is
// written. `keys`: its administration key, or a PUK of 16 characters, is at hand; without one, a Crescendo
// the PIN of which is blocked is CRESCENDO_STATUS_CANNOT_RECYCLE. CRESCENDO_STATUS_NOT_OFFERED tells why it
// cannot be recycled otherwise. The result is freed with crescendo_recycle_plan_free. Any thread.
crescendo_status crescendo_recycle_preview(
    const crescendo_device *device, bool keys, const crescendo_recycle_plan **plan);

// Frees what was told. NULL is none.
void crescendo_recycle_plan_free(const crescendo_recycle_plan *plan);

// Brings a device back to how it was delivered, as far as it knows a way. What is lost is confirmed with
// `confirm`, unless `yes`; with CRESCENDO_STATUS_NO_CALLBACK nothing was done. A Crescendo takes its PIN; if
// that is blocked or forgotten, its administration key or its PUK of 16 characters (`right`
// CRESCENDO_RIGHT_PUK asks for it). A wrong PIN costs one try, and nothing is changed then.
// CRESCENDO_STATUS_UNFINISHED: the device was lost on the way, and the same is done once more. The result is
// freed with crescendo_recycled_free. Any thread.
crescendo_status crescendo_recycle(
    const crescendo_device *device, const crescendo_rights *rights, bool yes,
    const crescendo_callbacks *callbacks, const crescendo_recycled **recycled);

// Frees what was told. NULL is none.
void crescendo_recycled_free(const crescendo_recycled *recycled);


/* ==== Audit ============================================================================================= */

// Which administration key a device has.
CRESCENDO_ENUM(crescendo_administration_key)
{
    // That of delivery, which everybody knows: whoever holds the device can administer it.
    CRESCENDO_ADMINISTRATION_KEY_FACTORY = 1,
    // One of its own.
    CRESCENDO_ADMINISTRATION_KEY_OWN = 2,
    // None.
    CRESCENDO_ADMINISTRATION_KEY_ABSENT = 3,
};

// Finds out whether the device has the administration key of delivery, by trying that, once: `key` becomes
// one of crescendo_administration_key. A Crescendo is asked by its administration key (EXTERNAL
// AUTHENTICATE), other PIV cards by their management key (9B); no counter of wrong keys is documented for
// either, and a person is asked before this is done to their device. Nothing is changed, no PIN is sent, and
// the device is reset afterwards. CRESCENDO_STATUS_IN_USE: somebody is logged in there, perhaps this program,
// and would be logged out; nothing was tried. In contact readers only. Any thread.
crescendo_status crescendo_device_audit(const crescendo_device *device, int32_t *key);


/* ==== What is remembered ================================================================================ */

// What is kept of one card: public content alone.
typedef struct crescendo_cache_entry {
    // The card UUID, as in "C4000C4E-5CE4-4D01-8A11-000000000001".
    crescendo_text guid;
    // Whose it is, as its first certificate tells.
    crescendo_text label;
    // How much is kept, in bytes.
    uint64_t bytes;
    // How many seconds ago it was last used, give or take an hour; -1 where that is not known.
    int64_t idle;
} crescendo_cache_entry;

// All that is kept, the card that was used last first.
typedef struct crescendo_cache_entries {
    // Of how many cards.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_cache_entry *const *items;
} crescendo_cache_entries;

// Lists what is kept of cards between uses. No card is asked for anything. The result is freed with
// crescendo_cache_entries_free, which clears nothing. Any thread.
crescendo_status crescendo_cache_list(
    const crescendo_context *context, const crescendo_cache_entries **entries);

// Drops all that is kept of one card, for every program of this user: each reads again what it needs. `name`
// is the card UUID or the device ID, whole or in part, or the label; a card that is not here can be named
// like that, and none is asked for anything then. Else it is the name of a device, as for
// crescendo_device_open; NULL: the only one. `found` tells whether anything was kept.
// CRESCENDO_STATUS_AMBIGUOUS: crescendo_last_error() lists what may be meant. Any thread.
crescendo_status crescendo_cache_clear(
    const crescendo_context *context, const char *name, size_t name_length, bool *found);

// Drops all that is kept of all cards, for every program of this user. What keeps cards believed on
// contactless readers, and pairing codes, are something else: crescendo_pairing_forget. Any thread.
crescendo_status crescendo_cache_clear_all(const crescendo_context *context);

// Drops all that is kept of this device, for every program of this user, and reads the device once more. What
// was entered with crescendo_device_authenticate is over. PINs that other programs keep are something else:
// crescendo_device_forget_pins. Any thread.
crescendo_status crescendo_device_clear_cache(const crescendo_device *device);

// Frees a list. NULL is none.
void crescendo_cache_entries_free(const crescendo_cache_entries *entries);


/* ==== Security keys ===================================================================================== */

// Which of its two programs a key runs.
CRESCENDO_ENUM(crescendo_key_mode)
{
    // It does not tell.
    CRESCENDO_KEY_MODE_UNKNOWN = 0,
    // Its firmware.
    CRESCENDO_KEY_MODE_NORMAL = 1,
    // Its bootloader: it waits for an update.
    CRESCENDO_KEY_MODE_UPDATE = 2,
};

// One security key.
typedef struct crescendo_security_key {
    // Where the system has it.
    crescendo_text path;
    // Its USB vendor id.
    uint16_t vendor;
    // Its USB product id.
    uint16_t product;
    // Whether it speaks the update protocol. Only then it tells what comes next, as far as `unconfirmed`.
    bool updatable;
    // Its serial number: 32 hexadecimal digits.
    crescendo_text serial;
    // The model id, a reverse domain name.
    crescendo_text model;
    // Which of its programs runs.
    crescendo_key_mode mode;
    // The version of its firmware, as in "2.0.0+0".
    crescendo_text version;
    // The version of its bootloader.
    crescendo_text bootloader;
    // Its security counter: it takes no image with a lower one.
    uint32_t counter;
    // Its hardware revision.
    uint8_t hardware;
    // An update was begun and not finished: run it again.
    bool interrupted;
    // What runs is not confirmed: at its next start it goes back to what it ran before.
    bool unconfirmed;
    // Of a key that does not speak the update protocol: its make and model (AAGUID), as in
    // "7991798a-a7f3-487f-98c0-3faf7a458a04".
    crescendo_text aaguid;
    // The versions of FIDO that such a key speaks; NULL where there are none.
    const crescendo_text *fido;
    // How many.
    size_t fido_count;
    // The version of its firmware, in a numbering of the vendor's; -1 where it does not tell.
    int64_t fido_firmware;
    // Why it did not answer.
    crescendo_text problem;
} crescendo_security_key;

// The security keys of a machine.
typedef struct crescendo_security_keys {
    // How many.
    size_t count;
    // Each of them; NULL if there are none.
    const crescendo_security_key *const *items;
} crescendo_security_keys;

// Lists every FIDO key and every key in update mode, with what each says of its firmware. A card that is a
// FIDO authenticator too is not asked. An update that another program left unconfirmed is confirmed first,
// where its firmware runs. A key that cannot be opened is in the list, with its `problem`. The result is
// freed with crescendo_security_keys_free. Any thread.
crescendo_status crescendo_security_keys_list(
    const crescendo_context *context, const crescendo_security_keys **keys);

// Frees a list of security keys. NULL is none.
void crescendo_security_keys_free(const crescendo_security_keys *keys);


/* ==== Firmware ========================================================================================== */

// What an image says of itself, all of it signed.
typedef struct crescendo_image_description {
    // The model it is for, a reverse domain name.
    crescendo_text model;
    // Its version, as in "2.0.0+0".
    crescendo_text version;
    // Its security counter: a key takes no image with a lower one than its own.
    uint32_t counter;
    // The oldest bootloader it runs with; no text: any.
    crescendo_text bootloader;
    // The hardware revisions it is for; NULL: all.
    const uint8_t *hardware;
    // How many.
    size_t hardware_count;
    // Its size in bytes.
    uint64_t size;
    // The trusted keys that have signed it: each by the SHA-256 of the public key, in hexadecimal.
    const crescendo_text *signers;
    // How many.
    size_t signer_count;
} crescendo_image_description;

// What an update may do beyond installing a newer version.
typedef struct crescendo_update_options {
    // sizeof(crescendo_update_options)
    size_t size;
    // 1: the version that the key has already is installed once more.
    uint8_t reinstall;
    // 1: an older version is installed, where the key's security counter lets it.
    uint8_t allow_older;
} crescendo_update_options;

// A key that was updated.
typedef struct crescendo_updated {
    // Its serial number: 32 hexadecimal digits.
    crescendo_text serial;
    // Its model.
    crescendo_text model;
    // The version that it had; "0.0.0+0" of a key without firmware.
    crescendo_text before;
    // The version that it has.
    crescendo_text version;
} crescendo_updated;

// Opens an image: `length` bytes, the content of the file, which are copied. It has to be whole, and signed
// by as many trusted keys as the list wants: those in the folder `trusted` (public Ed25519 keys as *.pem,
// hashes of keys that no longer count as *.revoked, the number of signatures in required-signatures), or,
// where that is NULL, those that this machine trusts (/etc/crescendo/firmware-keys.d, where nothing is unless
// an administrator has put it there). It may be for any model. CRESCENDO_STATUS_IMAGE_MALFORMED,
// CRESCENDO_STATUS_IMAGE_SIGNATURE, CRESCENDO_STATUS_TRUST. Any thread.
crescendo_status crescendo_image_open(
    const crescendo_context *context, const uint8_t *bytes, size_t length, const char *trusted,
    size_t trusted_length, crescendo_image **image);

// Tells what an image says of itself. The result is freed with crescendo_image_description_free. Any thread.
crescendo_status crescendo_image_describe(
    const crescendo_image *image, const crescendo_image_description **description);

// Frees what an image says of itself. NULL is none.
void crescendo_image_description_free(const crescendo_image_description *description);

// Frees an image. NULL is none. No other thread uses it any more.
void crescendo_image_free(crescendo_image *image);

// Installs an image in a key, and returns once the key runs it for good. The key is the one that goes by
// `name`: its serial number, whole or in part, its model or its path; NULL: the only one that can be updated.
// `options` may be NULL: then only a newer version is installed. The image is held against the key before
// that is touched: CRESCENDO_STATUS_WRONG_MODEL, CRESCENDO_STATUS_TOO_OLD, CRESCENDO_STATUS_SAME_VERSION and
// the like.
//
// `callbacks` are told each step: CRESCENDO_STEP_PRESS_BUTTON, several times a second, with the time that is
// left for a person to press the button of the key, 30 seconds at first; then bytes and percent. Cancelled,
// with the callback or crescendo_cancel_now, it ends where that leaves the key well: before anything is
// written the key goes back to its firmware; while writing it stops at the end of a block, and the next run
// goes on there, without the button; from CRESCENDO_STEP_FINISHING on it is not cancelled any more, and
// succeeds. It may also end anywhere by itself, the program or the power included: the same call finishes it
// then.
//
// CRESCENDO_STATUS_NO_BUTTON, CRESCENDO_STATUS_UPDATE_FAILED and CRESCENDO_STATUS_CANCELLED: the message of
// crescendo_last_error() tells in what state the key is and what to do next. The result, which may be NULL if
// nobody wants it, is freed with crescendo_updated_free. Any thread; other keys can be updated in other
// threads meanwhile.
crescendo_status crescendo_update(
    const crescendo_context *context, const crescendo_image *image, const char *name, size_t name_length,
    const crescendo_update_options *options, const crescendo_callbacks *callbacks,
    const crescendo_updated **updated);

// The same for a device that was opened: its own key side is updated, and no other key. Afterwards the device
// is read anew, and after an update it is waited for, up to 10 seconds, until its card is back; a PIN that
// was entered is forgotten. CRESCENDO_STATUS_NOT_OFFERED, if no key is known to be a part of it: a key tells
// its place on the bus through its reader, and not every reader does. Any thread.
crescendo_status crescendo_device_update(
    const crescendo_device *device, const crescendo_image *image, const crescendo_update_options *options,
    const crescendo_callbacks *callbacks, const crescendo_updated **updated);

// Frees what came of an update. NULL is none.
void crescendo_updated_free(const crescendo_updated *updated);


/* ==== Diagnostics ======================================================================================= */

// How a thing is.
CRESCENDO_ENUM(crescendo_verdict)
{
    // As it should be.
    CRESCENDO_VERDICT_OK = 1,
    // It could not be looked at, or there is nothing to look at.
    CRESCENDO_VERDICT_SKIPPED = 2,
    // Something works less well than it could, or not as somebody may expect.
    CRESCENDO_VERDICT_WARNING = 3,
    // Something does not work.
    CRESCENDO_VERDICT_PROBLEM = 4,
};

// One thing that was looked at.
typedef struct crescendo_finding {
    // What was looked at: a name for programs, the same for all findings of a kind, as in "pcscd".
    crescendo_text id;
    // How it is.
    crescendo_verdict verdict;
    // The same in a sentence.
    crescendo_text what;
    // What to do about it: commands to run, one a line, where there are any. Each warning and each problem
    // has one.
    crescendo_text remedy;
} crescendo_finding;

// Something that is installed.
typedef struct crescendo_installed {
    // What it is called.
    crescendo_text name;
    // Its version.
    crescendo_text version;
} crescendo_installed;

// All that was found.
typedef struct crescendo_report {
    // How many findings.
    size_t count;
    // Each of them, in the order in which the answer of a card comes to a program: readers first.
    const crescendo_finding *const *items;
    // How many of them are problems.
    size_t problems;
    // How many of them are warnings.
    size_t warnings;
    // What is installed that such an answer passes through.
    const crescendo_installed *const *installed;
    // How many.
    size_t installed_count;
} crescendo_report;

// Looks at everything that a card's or key's answer passes through: pcscd, its driver, readers, cards, what
// is remembered of them, the PKCS#11 module and where programs find it, keys and who may open them, fwupd. No
// PIN is sent, no login taken from anybody, nothing changed; but an update that another program left
// unconfirmed is confirmed. `module` is the file of the PKCS#11 module to look at; NULL: the one that is
// installed.
//
// It takes seconds, and up to 30 where the module hangs: it runs programs and waits for them, dpkg-query and
// the command `crescendo`, which tries the module so that one that crashes is a finding and not the end of
// this program. Where there is no such command (in PATH, /usr/local/bin or /usr/bin) that finding is
// CRESCENDO_VERDICT_SKIPPED. The result is freed with crescendo_report_free. Any thread; not while this
// program waits for every child that it has, or ignores SIGCHLD.
crescendo_status crescendo_doctor(
    const crescendo_context *context, const char *module, size_t module_length,
    const crescendo_report **report);

// Frees a report. NULL is none.
void crescendo_report_free(const crescendo_report *report);

#ifdef __cplusplus
}
#endif

#endif  /* CRESCENDO_H */
