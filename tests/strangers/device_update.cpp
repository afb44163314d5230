// device_update IMAGE: updates the key side of the only device with a card, and tells what is known of the device afterwards.

#include <crescendo.hpp>

#include <fstream>
#include <iostream>
#include <iterator>

using crescendo::view;

int main(int, char **words)
{
    std::ifstream file(words[1], std::ios::binary);
    const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    const auto machine = crescendo::context::create().value();
    const auto image = machine.image_open(bytes).value();
    const auto device = machine.device_open().value();
    const auto before = device.summary().value();
    std::cout << "before: state " << before->state << ", firmware " << view(before->key->firmware) << std::endl;

    crescendo::callbacks person;
    auto step = CRESCENDO_STEP_FINDING;
    person.tell = [&step](const crescendo_progress &now) {
        if (now.step != step)
            std::cout << "step " << now.step << std::endl;
        step = now.step;
        return true;
    };
    const auto done = device.update(image, {}, person).value();
    const auto after = device.summary().value();
    std::cout << "after: state " << after->state << ", firmware " << view(after->key->firmware) << ", id " << view(after->id)
              << '\n';
    device.authenticate("123456").value();
    std::cout << "authenticated" << std::endl;
    return view(before->id) == view(after->id) && view(done->version) == view(after->key->firmware) ? 0 : 1;
}
