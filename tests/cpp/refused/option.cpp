// An option that is set to a text which nothing keeps.

#include <crescendo.hpp>

int main(int, char **words)
{
    crescendo::rights right;
#ifdef NAMED
    const std::string pin(words[1]);
    right.pin = pin;
#else
    right.pin = std::string(words[1]);
#endif
    return right.c().pin_length == 0;
}
