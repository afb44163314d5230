/* A program of somebody else: it says which library it runs with. */
#include <crescendo.h>
#include <stdio.h>

int main(void)
{
    printf("crescendo %s, interface %u of %d\n", crescendo_version(), (unsigned)crescendo_abi_version(), CRESCENDO_ABI_VERSION);
    return 0;
}
