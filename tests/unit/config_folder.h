/* config_folder.h: a folder of a test's own that is its working folder meanwhile, with certs/ as
 * config_cases.h names them. */
#ifndef TESTS_UNIT_CONFIG_FOLDER_H
#define TESTS_UNIT_CONFIG_FOLDER_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct config_folder {
    char path[64];
    int back; /* the folder before */
};

/* Outside of CUnit, too: what fails here ends the program. */
static inline void config_folder_need(bool ok, const char *what)
{
    if (!ok) {
        perror(what);
        abort();
    }
}

static inline void config_folder_write(const char *name, const void *bytes, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    config_folder_need(fd >= 0, name);
    config_folder_need(write(fd, bytes, len) == (ssize_t)len, name);
    close(fd);
}

static inline void config_folder_text(const char *name, const char *text)
{
    config_folder_write(name, text, strlen(text));
}

static inline void config_folder_enter(struct config_folder *f)
{
    snprintf(f->path, sizeof f->path, "/tmp/midge-config.XXXXXX");
    config_folder_need(mkdtemp(f->path) != NULL, f->path);
    f->back = open(".", O_RDONLY | O_DIRECTORY);
    config_folder_need(f->back >= 0, "open .");
    char command[256];
    snprintf(command, sizeof command,
             "tests/certs.sh %s/certs && openssl genrsa -out %s/certs/rsa.pem 2048 2>&1", f->path, f->path);
    config_folder_need(system(command) == 0, command);
    config_folder_need(chdir(f->path) == 0, f->path);
    config_folder_text("certs/junk.pem", "junk\n");
    config_folder_text("certs/empty.pem", "");
    config_folder_text("certs/badcert.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
}

static inline void config_folder_leave(struct config_folder *f)
{
    char command[128];
    config_folder_need(fchdir(f->back) == 0, "fchdir");
    close(f->back);
    snprintf(command, sizeof command, "rm -r %s", f->path);
    config_folder_need(system(command) == 0, command);
}

#endif
