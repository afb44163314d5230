// Members of every kind, by a Key V3: options, what comes out twice, bytes, lists, what has to be confirmed.

#include <crescendo.hpp>

#include "check.hpp"

using crescendo::view;

static crescendo::rights by(const char *pin)
{
    crescendo::rights right;
    right.pin = pin;
    return right;
}

static void what_it_tells(const crescendo::device &device)
{
    check(!view(device.info().value()->family).empty());
    std::size_t offered = 0;
    for (const crescendo_offer &offer : device.offers().value())
        offered += offer.why_not == CRESCENDO_WHY_NOT_OFFERED;
    check(offered > 5);
    check(device.pin_status().value()->tries == 6 && device.audit().value() == CRESCENDO_ADMINISTRATION_KEY_FACTORY);
    check(device.pairing_status().value()->interface == CRESCENDO_INTERFACE_CONTACT);
    check(device.pairing_retrieve("123456", true).status() == CRESCENDO_STATUS_NO_PAIRING_CODE);
    check(device.pairing_forget(true).has_value() && !device.pairing_forget(true).value().code);
    check(device.pairing_set("1234").status() == CRESCENDO_STATUS_CODE_FORMAT);
    for (const crescendo_otp_slot &slot : device.otp_list().value())
        check(slot.slot > 0);
    auto plan = device.recycle_preview(false).value();
    check(plan->line_count > 0 && !view(plan->lines[0]).empty());
}

static void the_pin(const crescendo::device &device)
{
    check(device.pin_check("111111").status() == CRESCENDO_STATUS_PIN_REJECTED && device.pin_check("271828"));
    check(device.pin_change("123456", "271828") && device.pin_verify("271828"));
    check(device.pin_change("271828", std::string("161803")));
    check(device.end_authentication() && device.forget_pins());
    check(device.puk_show("161803").status() == CRESCENDO_STATUS_NO_PUK_KEPT);
    check(device.puk_hide("161803", true).status() == CRESCENDO_STATUS_NO_PUK_KEPT);
    check(device.pin_unblock_with_puk("1", "314159").status() == CRESCENDO_STATUS_PUK_FORMAT);
    check(device.pin_unblock_with_key("1", "314159").status() == CRESCENDO_STATUS_KEY_FORMAT);
}

static void certificates(const crescendo::device &device)
{
    auto before = device.certificate_export(0x9A, CRESCENDO_FORMAT_PEM).value();
    check(before.view().substr(0, 27) == "-----BEGIN CERTIFICATE-----" && before.view().data()[before.view().size()] == '\0');

    crescendo::certificate_options options;
    options.subject = "CN=Ada Lovelace";
    options.names = {"email:ada@example.org", "dns:example.org"};
    options.days = 30;
    // Nobody confirmed that the certificate that is there is lost.
    check(device.certificate_self_sign(0x9A, options, by("161803")).status() == CRESCENDO_STATUS_NO_CALLBACK);
    crescendo::callbacks person;
    std::string lost;
    person.confirm = [&](const std::vector<std::string_view> &lines) { return lost = lines.at(0), true; };
    auto made = device.certificate_self_sign(0x9A, options, by("161803"), false, person);
    check(made && !lost.empty() && !made->view().empty());
    for (const crescendo_certificate &it : device.certificates_list().value())
        check(it.key != 0x9A || view(it.subject) == "CN=Ada Lovelace");

    // What was there does not fit the new key.
    auto back = device.certificate_import(0x9A, before.view(), {}, true, by("161803"), true);
    check(back.status() == CRESCENDO_STATUS_NOT_ITS_CERTIFICATE);
    auto request = device.certificate_request(0x9A, options, CRESCENDO_FORMAT_PEM, by("161803"), true);
    check(request && request->view().find("CERTIFICATE REQUEST") != std::string_view::npos);
    check(!device.key_generate(0x9B, CRESCENDO_ALGORITHM_P256, by("161803"), true));
    check(device.certificate_delete(0x9D, by("161803"), true));
    std::size_t bare = 0;
    for (const crescendo_bare_key &it : device.bare_keys_list().value())
        bare += it.key == 0x9D;
    check(bare == 1);
}

static void the_machine(const crescendo::context &machine, const crescendo::device &device)
{
    check(device.clear_cache() && machine.cache_clear_all() && machine.cache_list().value().empty());
    check(machine.cache_clear("nobody").status() == CRESCENDO_STATUS_NO_SUCH_DEVICE);
    check(machine.security_keys_list().value().empty());
    check(machine.image_open("no image").status() == CRESCENDO_STATUS_IMAGE_MALFORMED);
    const std::string key(32, '0'), challenge(32, '1');
    check(crescendo::help_desk_response(key, "1", challenge).status() == CRESCENDO_STATUS_DEVICE_ID_FORMAT);
    auto response = crescendo::help_desk_response_with_key(key, challenge);
    check(response && !response->view().empty());
}

static void personalized(const crescendo::device &device)
{
    check(!device.personalize());
    auto recycled = device.recycle(by("161803"), true);
    check(recycled && (*recycled)->way == CRESCENDO_RECYCLING_RESET_CARD);
    crescendo::personalize_options options;
    options.new_pin = "314159";
    auto made = device.personalize(options).value();
    check(made.puk && !made.puk.view().empty() && !made.management_key && made.told->factory_key_replaced);
    auto shown = device.puk_show("314159");
    check(made.told->puk_kept && shown && shown->view() == made.puk.view());
}

// Options keep what outlives them, and functions take anything.
template <class T> constexpr bool kept = std::is_assignable_v<decltype(crescendo::rights::pin) &, T>;
static_assert(kept<std::string &> && kept<const std::string &> && kept<std::string_view> && kept<std::nullptr_t>);
static_assert(kept<const char *> && kept<const char (&)[5]> && kept<const std::vector<std::uint8_t> &>);
static_assert(!kept<std::string> && !kept<const std::string> && !kept<std::vector<std::uint8_t>>);
static_assert(!kept<crescendo::given>);
static_assert(std::is_same_v<decltype(crescendo::rights::pin), decltype(crescendo::certificate_options::subject)>);
static_assert(std::is_same_v<decltype(crescendo::rights::pin), decltype(crescendo::otp_options::pin)>);
static_assert(std::is_same_v<decltype(crescendo::rights::pin), decltype(crescendo::personalize_options::new_pin)>);
static_assert(std::is_convertible_v<std::string, crescendo::given>);

int main()
{
    auto machine = crescendo::context::create().value();
    auto device = machine.device_open().value();
    check(device.permit_unconfirmed(true).has_value());
    what_it_tells(device);
    the_pin(device);
    certificates(device);
    the_machine(machine, device);
    personalized(device);
    std::puts("end");
}
