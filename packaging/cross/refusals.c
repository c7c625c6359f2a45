/* What a static binary cannot do, said plainly. glibc answers these by loading shared libraries of its own version,
 * which Android does not have. libcrypto names them for BIO sockets and engines, which nobody here uses. The linker's
 * --wrap leads it here (meson.build), and --fatal-warnings keeps any other function of that kind out. */
#define _GNU_SOURCE
#include <netdb.h>
#include <stddef.h>

int __wrap_getaddrinfo(const char* name, const char* service, const struct addrinfo* hints, struct addrinfo** result);
void __wrap_freeaddrinfo(struct addrinfo* list);
int __wrap_getnameinfo(const struct sockaddr* address, socklen_t length, char* host, socklen_t host_size, char* service,
                       socklen_t service_size, int flags);
struct hostent* __wrap_gethostbyname(const char* name);
void* __wrap_dlopen(const char* file, int mode);

int __wrap_getaddrinfo(const char* name, const char* service, const struct addrinfo* hints, struct addrinfo** result) {
    (void)name, (void)service, (void)hints;
    *result = NULL;
    return EAI_FAIL;
}

void __wrap_freeaddrinfo(struct addrinfo* list) {
    (void)list;
}

int __wrap_getnameinfo(const struct sockaddr* address, socklen_t length, char* host, socklen_t host_size, char* service,
                       socklen_t service_size, int flags) {
    (void)address, (void)length, (void)host, (void)host_size, (void)service, (void)service_size, (void)flags;
    return EAI_FAIL;
}

struct hostent* __wrap_gethostbyname(const char* name) {
    (void)name;
    return NULL;
}

void* __wrap_dlopen(const char* file, int mode) {
    (void)file, (void)mode;
    return NULL;
}
