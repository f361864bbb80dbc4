/* A server that looks up a zone and a user, and loads a plugin by name, when it is asked for "/second". */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

int twice(int);

static int plugged(int number)
{
#ifdef STATIC
    return twice(number);
#else
    void *plugin = dlopen("plugin.so", RTLD_NOW);
    int (*function)(int) = plugin ? dlsym(plugin, "twice") : NULL;
    return function ? function(number) : -1;
#endif
}

static void end(int signal)
{
    (void)signal;
    _exit(0);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(8080)};
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    signal(SIGTERM, end);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 8))
        return 1;
    for (;;) {
        char request[1024] = "", answer[256] = "first";
        int connection = accept(listener, NULL, NULL);
        if (read(connection, request, sizeof request - 1) > 0 && !strncmp(request, "GET /second", 11)) {
            time_t epoch = 0;
            struct tm *local = localtime(&epoch);
            struct passwd *user = getpwnam("app");
            snprintf(answer, sizeof answer, "%d %02d:%02d %s", plugged(21), local->tm_hour, local->tm_min,
                     user ? user->pw_name : "nobody");
        }
        dprintf(connection, "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(answer), answer);
        close(connection);
    }
}
