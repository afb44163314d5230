// What every one of these programs checks by.

#ifndef CHECK_HPP
#define CHECK_HPP

#include <cstdio>
#include <cstdlib>

/// assert that stays there whatever is defined.
#define check(what) ((what) ? static_cast<void>(0) : failed(#what, __FILE__, __LINE__))

[[noreturn]] inline void failed(const char *what, const char *file, int line)
{
    std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, what);
    std::abort();
}

#endif
