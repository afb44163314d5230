/* library_fork LIBRARY PIN: a child makes a context of its own and is served; what its parent has stays as it is. */
#include "library.h"

#include <sys/wait.h>
#include <unistd.h>

int main(int count, char **arguments) {
    crescendo_context *context = NULL;
    crescendo_device *device;
    int status = 1;
    pin = arguments[2];
    library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
    expect("context", CALL(crescendo_context_new)(&context), CRESCENDO_STATUS_OK);
    device = opened(context);
    expect("PIN", CALL(crescendo_device_authenticate)(device, pin, CRESCENDO_TERMINATED, NULL), CRESCENDO_STATUS_OK);
    look(device);
    fflush(stdout);
    pid_t process = fork();
    if (process == 0) {
        use(NULL);
        printf("the child was served\n");
        fflush(stdout);
        _exit(0);
    }
    waitpid(process, &status, 0);
    look(device);
    expect("PIN", CALL(crescendo_device_authenticate)(device, pin, CRESCENDO_TERMINATED, NULL), CRESCENDO_STATUS_OK);
    printf("the parent is served\n");
    CALL(crescendo_device_free)(device);
    CALL(crescendo_context_free)(context);
    return status != 0 || count != 3;
}
