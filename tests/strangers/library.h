/* A program that opens libcrescendo itself, as plugins of other programs are opened, and uses it. */
#define _GNU_SOURCE
#include <crescendo.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CALL(name) ((__typeof__(name) *)find(#name))

static void *library;
static const char *pin;
/* No thread has to wait for another one. */
static bool nobody_waits;

static void *find(const char *name) {
    void *function = dlsym(library, name);
    if (function == NULL) {
        printf("there is no %s\n", name);
        exit(1);
    }
    return function;
}

static void expect(const char *what, crescendo_status status, crescendo_status expected) {
    if (status != expected) {
        printf("%s: %d: %s\n", what, (int)status, CALL(crescendo_last_error)()->message.data);
        exit(1);
    }
}

static crescendo_device *opened(const crescendo_context *context) {
    crescendo_device *device = NULL;
    expect("open", CALL(crescendo_device_open)(context, NULL, 0, &device), CRESCENDO_STATUS_OK);
    return device;
}

static void *look(void *device) {
    for (int i = 0; i < 3; i++) {
        const crescendo_summary *summary = NULL;
        expect("summary", CALL(crescendo_device_summary)(device, false, &summary), CRESCENDO_STATUS_OK);
        CALL(crescendo_summary_free)(summary);
    }
    return NULL;
}

/* Everything that leaves something behind: results, errors, handles, and what threads have of their own. */
static void *use(void *unused) {
    crescendo_context *context = NULL;
    crescendo_device *none = NULL, *device;
    const crescendo_devices *devices = NULL;
    pthread_t other;
    expect("context", CALL(crescendo_context_new)(&context), CRESCENDO_STATUS_OK);
    expect("list", CALL(crescendo_devices_list)(context, true, &devices), CRESCENDO_STATUS_OK);
    expect("nobody", CALL(crescendo_device_open)(context, "nobody", 6, &none), CRESCENDO_STATUS_NO_SUCH_DEVICE);
    device = opened(context);
    expect("PIN", CALL(crescendo_device_authenticate)(device, pin, CRESCENDO_TERMINATED, NULL), CRESCENDO_STATUS_OK);
    pthread_create(&other, NULL, look, device);
    if (nobody_waits)
        pthread_join(other, NULL);
    look(device);
    if (!nobody_waits)
        pthread_join(other, NULL);
    expect("nobody", CALL(crescendo_device_open)(context, "nobody", 6, &none), CRESCENDO_STATUS_NO_SUCH_DEVICE);
    CALL(crescendo_devices_free)(devices);
    CALL(crescendo_device_free)(device);
    CALL(crescendo_context_free)(context);
    return unused;
}
