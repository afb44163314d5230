// The same in C++.
#include <crescendo.hpp>

#include <iostream>

int main()
{
    std::cout << "crescendo " << crescendo_version() << ", interface " << crescendo_abi_version() << " of " << CRESCENDO_ABI_VERSION
              << '\n';
}
