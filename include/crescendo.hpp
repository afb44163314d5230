// crescendo.hpp: crescendo.h for C++17. What is made is freed by itself, callbacks are std::function, and a call gives
// what it makes or why it did not. Header only; link with libcrescendo.
//
//     const auto machine = crescendo::context::create();
//     if (!machine)
//         return fail(machine.error().message);
//     const auto devices = machine->devices_list(true);
//     if (!devices)
//         return fail(devices.error().message);
//     for (const crescendo_summary &device : *devices)
//         std::cout << crescendo::view(device.name) << '\n';
//
// The functions of crescendo.h are members here, without what their names begin with: crescendo_device_summary is
// device.summary, crescendo_pin_change is device.pin_change. They take the same parameters in the same order. What each
// does, and what it costs, stands there. Texts go in as std::string, std::string_view or const char *, or {} for none;
// they come out as crescendo_text, for view(). A member gives, as an expected, what the last parameter of the function
// is for: a result<...>, a buffer, a handle, a number; or nothing.
//
// Nothing throws, unless value() is called of an expected that has none: that throws crescendo::error; * and -> of one
// end the program. With CRESCENDO_EXCEPTIONS defined before this is included, members give the thing itself, and throw
// where they fail. It works with -fno-exceptions and -fno-rtti too; then value() of what is not there ends the program.
// Files of each kind may be in one program; they pass each other a device or a context as its handle, by get().
//
// What a call has just given is gone at the end of the line, and with it whatever points into it. So it gets a name
// first, or is taken out by value(): * and -> of an expected, the list of a result and view() of a buffer do not
// compile where nothing keeps them. Nor do options that are set to a std::string which nothing keeps.
//
// An object of these is used by one thread at a time; whoever lets threads share the handle within passes on get().

#ifndef CRESCENDO_HPP
#define CRESCENDO_HPP

#include "crescendo.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace crescendo {

// ---- What goes in and out -------------------------------------------------------------------------------------------

/// A text of a result. It lives as long as the result; where there is none, its data() is null.
inline std::string_view view(const crescendo_text &text) noexcept
{
    return text.data ? std::string_view(text.data, text.length) : std::string_view();
}

/// A text or bytes that are given to a call; {} for none.
struct given {
    const char *data = nullptr;
    std::size_t length = 0;

    given() = default;
    given(std::nullptr_t) noexcept {}
    given(const char *text) noexcept : data(text), length(text ? std::strlen(text) : 0) {}
    given(const std::string &text) noexcept : data(text.data()), length(text.size()) {}
    /// An empty one is a text, too.
    given(std::string_view text) noexcept : data(text.data() ? text.data() : ""), length(text.size()) {}
    given(const std::vector<std::uint8_t> &bytes) noexcept
        : data(bytes.empty() ? "" : reinterpret_cast<const char *>(bytes.data())), length(bytes.size())
    {
    }
};

/// A text or bytes among options: they outlive the call, and so are never those of a temporary. A given is not taken
/// either, since it may be of one.
struct lasting : given {
    using given::given;
    lasting() = default;
    lasting(const std::string &&) = delete;
    lasting(const std::vector<std::uint8_t> &&) = delete;
};

/// By what right a device is changed.
struct rights {
    lasting pin{}, administration_key{}, management_key{}, puk{};
    crescendo_right right = CRESCENDO_RIGHT_USUAL;

    crescendo_rights c() const noexcept
    {
        return {sizeof(crescendo_rights), pin.data, pin.length, administration_key.data, administration_key.length,
                management_key.data, management_key.length, puk.data, puk.length, right};
    }
};

struct certificate_options {
    lasting subject{};
    std::vector<const char *> names{};
    crescendo_algorithm algorithm = CRESCENDO_ALGORITHM_USUAL;
    std::uint32_t days = 0;
    bool existing = false;

    crescendo_certificate_options c() const noexcept
    {
        return {sizeof(crescendo_certificate_options), subject.data, subject.length, names.data(), names.size(),
                algorithm, days, existing};
    }
};

struct otp_options {
    crescendo_otp_kind kind = CRESCENDO_OTP_KIND_UNKNOWN;
    std::uint32_t time = 0;
    lasting pin{};

    crescendo_otp_options c() const noexcept
    {
        return {sizeof(crescendo_otp_options), kind, time, pin.data, pin.length};
    }
};

struct personalize_options {
    lasting current_pin{}, new_pin{};
    std::uint32_t min = 0, max = 0;
    crescendo_pin_characters characters = CRESCENDO_PIN_CHARACTERS_AS_IS;
    lasting master_key{}, management_key{};

    crescendo_personalize_options c() const noexcept
    {
        return {sizeof(crescendo_personalize_options), current_pin.data, current_pin.length, new_pin.data,
                new_pin.length, min, max, characters, master_key.data, master_key.length, management_key.data,
                management_key.length};
    }
};

struct update_options {
    bool reinstall = false, allow_older = false;

    crescendo_update_options c() const noexcept
    {
        return {sizeof(crescendo_update_options), reinstall, allow_older};
    }
};

/// Structures of a result, one after the other.
template <class T> class items {
  public:
    class iterator {
      public:
        using iterator_category = std::forward_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = const T *;
        using reference = const T &;

        iterator() = default;
        explicit iterator(const T *const *at) noexcept : at_(at) {}
        reference operator*() const noexcept { return **at_; }
        pointer operator->() const noexcept { return *at_; }
        iterator &operator++() noexcept { return ++at_, *this; }
        iterator operator++(int) noexcept { return iterator(at_++); }
        bool operator==(const iterator &other) const noexcept { return at_ == other.at_; }
        bool operator!=(const iterator &other) const noexcept { return at_ != other.at_; }

      private:
        const T *const *at_ = nullptr;
    };

    items(const T *const *first, std::size_t count) noexcept : first_(first), count_(count) {}
    iterator begin() const noexcept { return iterator(first_); }
    iterator end() const noexcept { return iterator(first_ + count_); }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    const T &operator[](std::size_t index) const noexcept { return *first_[index]; }

  private:
    const T *const *first_;
    std::size_t count_;
};

// ---- What went wrong ------------------------------------------------------------------------------------------------

/// A device that may be meant.
struct candidate {
    std::string name, id, reader;
};

/// Why a call failed: a copy of what crescendo_last_error() told.
struct failure {
    crescendo_status status = CRESCENDO_STATUS_FAILED;
    /// How many tries are left; -1 where that is not what went wrong.
    int tries = -1;
    /// One sentence that a person can act on.
    std::string message{};
    std::vector<candidate> candidates{};
    /// What a callback threw, which ended the call.
    std::exception_ptr thrown{};
};

/// A failure as an exception.
class error : public std::runtime_error {
  public:
    explicit error(failure why) : std::runtime_error(why.message), why_(std::make_shared<failure>(std::move(why))) {}
    crescendo_status status() const noexcept { return why_->status; }
    int tries() const noexcept { return why_->tries; }
    const failure &why() const noexcept { return *why_; }

  private:
    std::shared_ptr<const failure> why_;
};

namespace detail {

/// Of the call that this thread made last.
inline failure last_failure(crescendo_status status, std::exception_ptr thrown)
{
    failure why;
    why.status = status;
    why.thrown = std::move(thrown);
    const crescendo_error *last = crescendo_last_error();
    why.tries = last->tries;
    why.message = view(last->message);
    for (const crescendo_candidate &it : items<crescendo_candidate>(last->candidates, last->candidate_count))
        why.candidates.push_back({std::string(view(it.name)), std::string(view(it.id)), std::string(view(it.reader))});
    return why;
}

} // namespace detail

// ---- What is freed by itself ----------------------------------------------------------------------------------------

namespace detail {

inline void free_it(crescendo_context *it) noexcept { crescendo_context_free(it); }
inline void free_it(crescendo_device *it) noexcept { crescendo_device_free(it); }
inline void free_it(crescendo_cancel *it) noexcept { crescendo_cancel_free(it); }
inline void free_it(crescendo_buffer *it) noexcept { crescendo_buffer_free(it); }
inline void free_it(crescendo_image *it) noexcept { crescendo_image_free(it); }
inline void free_it(const crescendo_devices *it) noexcept { crescendo_devices_free(it); }
inline void free_it(const crescendo_summary *it) noexcept { crescendo_summary_free(it); }
inline void free_it(const crescendo_info *it) noexcept { crescendo_info_free(it); }
inline void free_it(const crescendo_offers *it) noexcept { crescendo_offers_free(it); }
inline void free_it(const crescendo_pin_info *it) noexcept { crescendo_pin_info_free(it); }
inline void free_it(const crescendo_pairing_info *it) noexcept { crescendo_pairing_info_free(it); }
inline void free_it(const crescendo_retrieved *it) noexcept { crescendo_retrieved_free(it); }
inline void free_it(const crescendo_certificates *it) noexcept { crescendo_certificates_free(it); }
inline void free_it(const crescendo_bare_keys *it) noexcept { crescendo_bare_keys_free(it); }
inline void free_it(const crescendo_imported *it) noexcept { crescendo_imported_free(it); }
inline void free_it(const crescendo_otp_slots *it) noexcept { crescendo_otp_slots_free(it); }
inline void free_it(const crescendo_personalized *it) noexcept { crescendo_personalized_free(it); }
inline void free_it(const crescendo_recycle_plan *it) noexcept { crescendo_recycle_plan_free(it); }
inline void free_it(const crescendo_recycled *it) noexcept { crescendo_recycled_free(it); }
inline void free_it(const crescendo_cache_entries *it) noexcept { crescendo_cache_entries_free(it); }
inline void free_it(const crescendo_security_keys *it) noexcept { crescendo_security_keys_free(it); }
inline void free_it(const crescendo_image_description *it) noexcept { crescendo_image_description_free(it); }
inline void free_it(const crescendo_updated *it) noexcept { crescendo_updated_free(it); }
inline void free_it(const crescendo_report *it) noexcept { crescendo_report_free(it); }

struct freeing {
    template <class T> void operator()(T *it) const noexcept { free_it(it); }
};

} // namespace detail

/// A handle: moved, not copied. Without one it is false.
template <class T> class handle {
  public:
    using raw_type = T *;

    handle() = default;
    explicit handle(T *raw) noexcept : it_(raw) {}
    T *get() const noexcept { return it_.get(); }
    /// From now on the caller frees it.
    T *release() noexcept { return it_.release(); }
    explicit operator bool() const noexcept { return it_ != nullptr; }

  private:
    std::unique_ptr<T, detail::freeing> it_;
};

/// A result, to be read; one that is a list can be gone through.
template <class T> class result : public handle<const T> {
  public:
    using handle<const T>::handle;
    const T &operator*() const noexcept { return *this->get(); }
    const T *operator->() const noexcept { return this->get(); }

    auto list() const & noexcept { return items(this->get()->items, this->get()->count); }
    auto begin() const & noexcept { return list().begin(); }
    auto end() const & noexcept { return list().end(); }
    std::size_t size() const noexcept { return list().size(); }
    bool empty() const noexcept { return list().empty(); }
    auto &operator[](std::size_t index) const & noexcept { return list()[index]; }

    // What they give is freed with the result.
    void list() const && = delete;
    void begin() const && = delete;
    void end() const && = delete;
    void operator[](std::size_t) const && = delete;
};

/// Bytes that are wiped when they are freed.
class buffer : public handle<crescendo_buffer> {
  public:
    using handle::handle;
    /// They live as long as this does. Copies are the caller's to wipe.
    std::string_view view() const & noexcept
    {
        const char *bytes = nullptr;
        std::size_t length = 0;
        crescendo_buffer_bytes(get(), &bytes, &length);
        return {bytes, length};
    }
    void view() const && = delete;
};

/// Ends what waits, from another thread.
class cancel : public handle<crescendo_cancel> {
  public:
    using handle::handle;
    /// False where there is no memory.
    static cancel create() noexcept
    {
        crescendo_cancel *made = nullptr;
        crescendo_cancel_new(&made);
        return cancel(made);
    }
    void now() const noexcept { crescendo_cancel_now(get()); }
};

// ---- Asking and telling a person ------------------------------------------------------------------------------------

/// Where an answer goes. It is there while the callback runs.
class answer {
  public:
    explicit answer(crescendo_answer *to) noexcept : to_(to) {}
    /// The text is copied, and stays the caller's to wipe. false: it is not UTF-8.
    bool set(std::string_view text) noexcept
    {
        return crescendo_answer_set(to_, text.data() ? text.data() : "", text.size()) == CRESCENDO_STATUS_OK;
    }

  private:
    crescendo_answer *to_;
};

/// How a person is asked and told. An exception that leaves one of them ends the call, as false does. It is thrown
/// again when the call is over. Where members do not throw, it is the failure's `thrown`, and value() throws it; nothing
/// becomes of it if the call succeeded all the same, because it was too late to be ended.
struct callbacks {
    /// Asks for what the question says: `return answer.set(...)`, or false to cancel.
    std::function<bool(const crescendo_question &, answer &)> ask{};
    /// Whether what these lines name may be lost.
    std::function<bool(const std::vector<std::string_view> &)> confirm{};
    /// How far it is; false to cancel.
    std::function<bool(const crescendo_progress &)> tell{};
    /// Outlives the call; or nullptr.
    const crescendo::cancel *cancel = nullptr;
};

namespace detail {

/// The content of a file.
struct content {
    given bytes;
};

/// A structure that C is lent for a call.
template <class T> struct lent {
    T options;
    operator const T *() const noexcept { return &options; }
};
template <class T, class = void> struct is_options : std::false_type {};
template <class T> struct is_options<T, std::void_t<decltype(std::declval<T>().c())>> : std::true_type {};

/// The parameters of a function of C.
template <class F> struct function;
template <class... P> struct function<crescendo_status (*)(P...)> {
    static constexpr std::size_t count = sizeof...(P);
    using last = std::tuple_element_t<sizeof...(P) - 1, std::tuple<P...>>;
};

/// What is made of what a function gives: by its type.
template <class T> struct made {
    using type = T;
};
template <class T> struct made<const T *> {
    using type = result<T>;
};
template <> struct made<crescendo_buffer *> {
    using type = buffer;
};

} // namespace detail

// ---- What a call gives ----------------------------------------------------------------------------------------------

// What differs under -fno-exceptions, and all that leads to it, has names of its own there: of two functions of one
// name a program has one, whichever the linker met first.
#ifdef __cpp_exceptions
inline namespace unwinding {
#else
inline namespace ending {
#endif

/// Between C++ and C.
namespace crossing {

using namespace detail;

[[noreturn]] inline void raise(failure why)
{
#ifdef __cpp_exceptions
    if (why.thrown)
        std::rethrow_exception(why.thrown);
    throw error(std::move(why));
#else
    static_cast<void>(why);
    std::abort();
#endif
}

/// What stands between the callbacks of C++ and those of C, for one call.
class border {
  public:
    border() = default;
    border(const border &) = delete;
    border &operator=(const border &) = delete;

    const crescendo_callbacks *functions(const callbacks &asked) noexcept
    {
        asked_ = &asked;
        functions_ = {sizeof functions_, this, asked.ask ? ask : nullptr, asked.confirm ? confirm : nullptr,
                      asked.tell ? tell : nullptr, asked.cancel ? asked.cancel->get() : nullptr};
        return &functions_;
    }
    std::exception_ptr thrown() const noexcept { return thrown_; }

  private:
    static bool ask(void *user, const crescendo_question *question, crescendo_answer *to) noexcept
    {
        return guarded(user, [&](const callbacks &asked) {
            answer place(to);
            return asked.ask(*question, place);
        });
    }
    static bool confirm(void *user, const crescendo_text *lines, std::size_t count) noexcept
    {
        return guarded(user, [&](const callbacks &asked) {
            std::vector<std::string_view> texts;
            for (std::size_t i = 0; i < count; i++)
                texts.push_back(view(lines[i]));
            return asked.confirm(texts);
        });
    }
    static bool tell(void *user, const crescendo_progress *progress) noexcept
    {
        return guarded(user, [&](const callbacks &asked) { return asked.tell(*progress); });
    }
    /// Nobody is called any more once one of them has thrown.
    template <class F> static bool guarded(void *user, F call) noexcept
    {
        border &self = *static_cast<border *>(user);
        if (self.thrown_)
            return false;
#ifdef __cpp_exceptions
        try {
            return call(*self.asked_);
        } catch (...) {
            self.thrown_ = std::current_exception();
            return false;
        }
#else
        return call(*self.asked_);
#endif
    }

    const callbacks *asked_ = nullptr;
    crescendo_callbacks functions_{};
    std::exception_ptr thrown_{};
};

/// What C takes for a parameter: two for a text, the functions for callbacks, a structure for options, else the same.
inline auto flat(border &, const given &text) { return std::make_tuple(text.data, text.length); }
inline auto flat(border &, const content &file)
{
    return std::make_tuple(reinterpret_cast<const std::uint8_t *>(file.bytes.data), file.bytes.length);
}
inline auto flat(border &at, const callbacks &asked) { return std::make_tuple(at.functions(asked)); }
template <class T> auto flat(border &, const T &value)
{
    if constexpr (is_options<T>::value)
        return std::make_tuple(lent<decltype(value.c())>{value.c()});
    else
        return std::make_tuple(value);
}

} // namespace crossing

/// What a call made, or why it did not.
template <class T> class [[nodiscard]] expected {
  public:
    expected(T made) : it_(std::in_place_index<0>, std::move(made)) {}
    expected(failure why) : it_(std::in_place_index<1>, std::move(why)) {}

    bool has_value() const noexcept { return it_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }
    crescendo_status status() const noexcept { return has_value() ? CRESCENDO_STATUS_OK : error().status; }
    /// There is one: it was looked whether it failed.
    const failure &error() const noexcept { return *std::get_if<1>(&it_); }

    /// There is one: it was looked whether it succeeded. Of a temporary nobody looked.
    T &operator*() & noexcept { return *there(it_); }
    const T &operator*() const & noexcept { return *there(it_); }
    void operator*() const && = delete;
    T *operator->() & noexcept { return there(it_); }
    const T *operator->() const & noexcept { return there(it_); }
    void operator->() const && = delete;

    /// Throws the failure, if it is one.
    T &value() & { return check(), **this; }
    const T &value() const & { return check(), **this; }
    T value() && { return check(), std::move(**this); }

  private:
    /// Where there is none the program ends here, where it went wrong: with a null pointer it may go on for a while,
    /// and a compiler may leave out what leads to one.
    template <class V> static auto there(V &it) noexcept
    {
        const auto made = std::get_if<0>(&it);
        if (!made)
            std::abort();
        return made;
    }
    void check() const
    {
        if (!has_value())
            crossing::raise(error());
    }
    std::variant<T, failure> it_;
};

/// Nothing, or why it was not done.
template <> class [[nodiscard]] expected<void> {
  public:
    expected() = default;
    expected(failure why) : why_(std::move(why)) {}

    bool has_value() const noexcept { return !why_; }
    explicit operator bool() const noexcept { return has_value(); }
    crescendo_status status() const noexcept { return why_ ? why_->status : CRESCENDO_STATUS_OK; }
    const failure &error() const noexcept { return *why_; }
    void value() const
    {
        if (why_)
            crossing::raise(*why_);
    }

  private:
    std::optional<failure> why_;
};

// ---- The calls ------------------------------------------------------------------------------------------------------

// A program may have files of either kind, so that their functions have names of their own.
#ifdef CRESCENDO_EXCEPTIONS
inline namespace throwing {
/// What a call gives: it throws.
template <class T> using outcome = T;
#else
inline namespace returning {
/// What a call gives.
template <class T> using outcome = expected<T>;
#endif

class context;
class device;
class image;

namespace calls {

using namespace crossing;

#ifdef CRESCENDO_EXCEPTIONS
inline void finish(crescendo_status status, std::exception_ptr thrown)
{
    if (thrown)
        std::rethrow_exception(thrown);
    if (status != CRESCENDO_STATUS_OK)
        raise(last_failure(status, nullptr));
}
template <class T> T finish(crescendo_status status, std::exception_ptr thrown, T given)
{
    finish(status, std::move(thrown));
    return given;
}
#else
inline expected<void> finish(crescendo_status status, std::exception_ptr thrown)
{
    if (status != CRESCENDO_STATUS_OK)
        return last_failure(status, std::move(thrown));
    return {};
}
template <class T> expected<T> finish(crescendo_status status, std::exception_ptr thrown, T given)
{
    if (status != CRESCENDO_STATUS_OK)
        return last_failure(status, std::move(thrown));
    return given;
}
#endif

template <class T> struct wrapped : made<T> {};
template <> struct wrapped<crescendo_context *> {
    using type = context;
};
template <> struct wrapped<crescendo_device *> {
    using type = device;
};
template <> struct wrapped<crescendo_image *> {
    using type = image;
};

/// Calls a function of C; where it has one more parameter than was given, that is the place for what it gives.
template <class F, class... A> auto of(F function, const A &...parameters)
{
    border at;
    auto flattened = std::tuple_cat(flat(at, parameters)...);
    if constexpr (std::tuple_size_v<decltype(flattened)> == detail::function<F>::count) {
        const crescendo_status status = std::apply(function, flattened);
        return finish(status, at.thrown());
    } else {
        using raw = std::remove_pointer_t<typename detail::function<F>::last>;
        raw out{};
        const crescendo_status status = std::apply(function, std::tuple_cat(flattened, std::make_tuple(&out)));
        return finish(status, at.thrown(), typename wrapped<raw>::type(out));
    }
}

} // namespace calls

/// The firmware of a security key.
class image : public handle<crescendo_image> {
  public:
    using handle::handle;

    auto describe() const { return calls::of(crescendo_image_describe, get()); }
};

/// What personalizing gave.
struct personalized {
    result<crescendo_personalized> told{};
    /// False where the device got none.
    buffer puk{}, management_key{};
};

/// What retrieving a pairing code gave.
struct retrieved {
    result<crescendo_retrieved> told{};
    /// False where the device has none.
    buffer code{};
};

/// What was forgotten of a pairing.
struct forgotten {
    bool code = false, signer = false;
};

/// A device that was opened.
class device : public handle<crescendo_device> {
  public:
    using handle::handle;

    auto summary(bool reload = false) const { return calls::of(crescendo_device_summary, get(), reload); }
    auto info() const { return calls::of(crescendo_device_info, get()); }
    auto offers() const { return calls::of(crescendo_device_offers, get()); }
    /// One of crescendo_administration_key.
    auto audit() const { return calls::of(crescendo_device_audit, get()); }
    auto clear_cache() const { return calls::of(crescendo_device_clear_cache, get()); }
    auto let_go() const { return calls::of(crescendo_device_let_go, get()); }
    auto permit_unconfirmed(bool permit) const { return calls::of(crescendo_device_permit_unconfirmed, get(), permit); }

    auto authenticate(given pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_device_authenticate, get(), pin, asked);
    }
    auto end_authentication() const { return calls::of(crescendo_device_end_authentication, get()); }
    auto forget_pins() const { return calls::of(crescendo_device_forget_pins, get()); }
    auto pin_status() const { return calls::of(crescendo_pin_status, get()); }
    auto pin_verify(given pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_pin_verify, get(), pin, asked);
    }
    auto pin_check(given new_pin, given old_pin = {}) const
    {
        return calls::of(crescendo_pin_check, get(), new_pin, old_pin);
    }
    auto pin_change(given old_pin = {}, given new_pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_pin_change, get(), old_pin, new_pin, asked);
    }
    auto pin_unblock_with_puk(given puk = {}, given new_pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_pin_unblock_with_puk, get(), puk, new_pin, asked);
    }
    auto pin_unblock_with_key(given key = {}, given new_pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_pin_unblock_with_key, get(), key, new_pin, asked);
    }
    auto pin_unblock_with_help_desk(given new_pin, const callbacks &asked) const
    {
        return calls::of(crescendo_pin_unblock_with_help_desk, get(), new_pin, asked);
    }
    auto puk_show(given pin = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_puk_show, get(), pin, asked);
    }
    auto puk_hide(given pin = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_puk_hide, get(), pin, yes, asked);
    }
    auto puk_change(given old_puk = {}, given new_puk = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_puk_change, get(), old_puk, new_puk, asked);
    }

    auto pairing_status() const { return calls::of(crescendo_pairing_status, get()); }
    outcome<retrieved> pairing_retrieve(given pin, bool keep, const callbacks &asked = {}) const
    {
        crossing::border at;
        crescendo_buffer *code = nullptr;
        const crescendo_retrieved *told = nullptr;
        const crescendo_status status =
            crescendo_pairing_retrieve(get(), pin.data, pin.length, keep, at.functions(asked), &code, &told);
        retrieved made{result<crescendo_retrieved>(told), buffer(code)};
        return calls::finish(status, at.thrown(), std::move(made));
    }
    /// Whether it was checked.
    auto pairing_set(given code = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_pairing_set, get(), code, asked);
    }
    outcome<forgotten> pairing_forget(bool signer) const
    {
        forgotten made;
        const crescendo_status status = crescendo_pairing_forget(get(), signer, &made.code, &made.signer);
        return calls::finish(status, nullptr, made);
    }

    auto certificates_list() const { return calls::of(crescendo_certificates_list, get()); }
    auto bare_keys_list() const { return calls::of(crescendo_bare_keys_list, get()); }
    auto certificate_export(std::uint8_t key, crescendo_format format) const
    {
        return calls::of(crescendo_certificate_export, get(), key, format);
    }
    auto key_generate(std::uint8_t key, crescendo_algorithm algorithm, const rights &right = {}, bool yes = false,
                      const callbacks &asked = {}) const
    {
        return calls::of(crescendo_key_generate, get(), key, algorithm, right, yes, asked);
    }
    auto certificate_request(std::uint8_t key, const certificate_options &options, crescendo_format format,
                             const rights &right = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_certificate_request, get(), key, options, format, right, yes, asked);
    }
    auto certificate_self_sign(std::uint8_t key, const certificate_options &options, const rights &right = {},
                               bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_certificate_self_sign, get(), key, options, right, yes, asked);
    }
    auto certificate_import(std::uint8_t key, given file, given passphrase = {}, bool certificate_only = false,
                            const rights &right = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_certificate_import, get(), key, calls::content{file}, passphrase, certificate_only,
                         right, yes, asked);
    }
    auto certificate_delete(std::uint8_t key, const rights &right = {}, bool yes = false,
                            const callbacks &asked = {}) const
    {
        return calls::of(crescendo_certificate_delete, get(), key, right, yes, asked);
    }
    auto key_delete(std::uint8_t key, const rights &right = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_key_delete, get(), key, right, yes, asked);
    }

    auto otp_list() const { return calls::of(crescendo_otp_list, get()); }
    auto otp_code(std::uint8_t slot, const otp_options &options = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_otp_code, get(), slot, options, asked);
    }
    auto otp_configure(std::uint8_t slot, given seed, given pin = {}, bool yes = false,
                       const callbacks &asked = {}) const
    {
        return calls::of(crescendo_otp_configure, get(), slot, seed, pin, yes, asked);
    }
    auto otp_delete(std::uint8_t slot, given pin = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_otp_delete, get(), slot, pin, yes, asked);
    }

    outcome<personalized> personalize(const personalize_options &options = {}, const callbacks &asked = {}) const
    {
        crossing::border at;
        crescendo_buffer *puk = nullptr, *key = nullptr;
        const crescendo_personalized *told = nullptr;
        const crescendo_personalize_options given = options.c();
        const crescendo_status status = crescendo_personalize(get(), &given, at.functions(asked), &puk, &key, &told);
        personalized made{result<crescendo_personalized>(told), buffer(puk), buffer(key)};
        return calls::finish(status, at.thrown(), std::move(made));
    }
    auto recycle_preview(bool keys) const { return calls::of(crescendo_recycle_preview, get(), keys); }
    auto recycle(const rights &right = {}, bool yes = false, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_recycle, get(), right, yes, asked);
    }
    /// Of its key side.
    auto update(const image &firmware, const update_options &options = {}, const callbacks &asked = {}) const
    {
        return calls::of(crescendo_device_update, get(), firmware.get(), options, asked);
    }
};

/// The machine.
class context : public handle<crescendo_context> {
  public:
    using handle::handle;

    static auto create() { return calls::of(crescendo_context_new); }

    auto devices_list(bool load) const { return calls::of(crescendo_devices_list, get(), load); }
    /// Whether something came or went; without a limit, it waits until something does.
    auto devices_wait(std::uint64_t mark, std::optional<std::chrono::milliseconds> limit = {},
                               const callbacks &asked = {}) const
    {
        const std::int64_t timeout = limit ? static_cast<std::int64_t>(limit->count()) : -1;
        return calls::of(crescendo_devices_wait, get(), mark, timeout, asked);
    }
    auto device_open(given name = {}) const { return calls::of(crescendo_device_open, get(), name); }

    auto cache_list() const { return calls::of(crescendo_cache_list, get()); }
    /// Whether anything was known of such a card.
    auto cache_clear(given name) const { return calls::of(crescendo_cache_clear, get(), name); }
    auto cache_clear_all() const { return calls::of(crescendo_cache_clear_all, get()); }

    auto security_keys_list() const { return calls::of(crescendo_security_keys_list, get()); }
    auto image_open(given bytes, given trusted = {}) const
    {
        return calls::of(crescendo_image_open, get(), calls::content{bytes}, trusted);
    }
    auto update(const image &firmware, given name = {}, const update_options &options = {},
                const callbacks &asked = {}) const
    {
        return calls::of(crescendo_update, get(), firmware.get(), name, options, asked);
    }
    auto doctor(given module = {}) const { return calls::of(crescendo_doctor, get(), module); }
};

/// The help desk's answer to a challenge.
inline auto help_desk_response(given master_key, given device_id, given challenge)
{
    return calls::of(crescendo_help_desk_response, master_key, device_id, challenge);
}
inline auto help_desk_response_with_key(given administration_key, given challenge)
{
    return calls::of(crescendo_help_desk_response_with_key, administration_key, challenge);
}

/// The version of the library that is running.
inline std::string_view version() noexcept { return crescendo_version(); }

/// Whether that library fits what this was compiled with.
inline bool fits() noexcept { return crescendo_abi_version() == CRESCENDO_ABI_VERSION; }

} // inline namespace
} // inline namespace
} // namespace crescendo

#endif
