// The bytes of a buffer that nothing keeps.

#include <crescendo.hpp>

int main(int, char **words)
{
    const auto made = crescendo::help_desk_response_with_key(words[1], words[2]);
#if defined CRESCENDO_EXCEPTIONS && defined NAMED
    const std::string_view response = made.view();
#elif defined CRESCENDO_EXCEPTIONS
    const std::string_view response = crescendo::help_desk_response_with_key(words[1], words[2]).view();
#elif defined NAMED
    const std::string_view response = made.value().view();
#else
    const std::string_view response = crescendo::help_desk_response_with_key(words[1], words[2]).value().view();
#endif
    return response.empty();
}
