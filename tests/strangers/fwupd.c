/* Another fwupd than there is: of another version, without a function, with a class that has grown.
 * Loaded before it (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static const char *version(void)
{
	return getenv("FAKE_VERSION");
}

void *dlsym(void *handle, const char *name)
{
	static void *(*real)(void *, const char *);
	const char *hidden = getenv("FAKE_HIDDEN");
	if (!real)
		real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
	if (!real)
		real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
	if (hidden && strcmp(name, hidden) == 0)
		return NULL;
	if (version() && strcmp(name, "fwupd_version_string") == 0)
		return (void *)version;
	return real(handle, name);
}

struct query {
	unsigned long type;
	const char *name;
	unsigned class_size, instance_size;
};

void g_type_query(unsigned long type, struct query *query)
{
	static void (*real)(unsigned long, struct query *);
	const char *grown = getenv("FAKE_GROWN");
	if (!real)
		real = (void (*)(unsigned long, struct query *))dlsym(RTLD_NEXT, "g_type_query");
	real(type, query);
	if (grown && query->name && strcmp(query->name, grown) == 0)
		query->class_size += 8;
}
