/* Runs a harness over every file of the folders named, and over no bytes at all. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

static int replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL)
        return 0;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    uint8_t *buf = malloc(size > 0 ? (size_t)size : 1);
    size_t len = buf == NULL || size < 0 ? 0 : fread(buf, 1, (size_t)size, f);
    fclose(f);
    (void)LLVMFuzzerTestOneInput(buf, len);
    free(buf);
    return 1;
}

int main(int argc, char **argv)
{
    int passed = 1;
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL)
            continue;
        for (struct dirent *e; (e = readdir(dir)) != NULL;) {
            char path[4096];
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            if (e->d_name[0] != '.')
                passed += replay(path);
        }
        closedir(dir);
    }
    printf("%d passed, 0 failed\n", passed);
    return 0;
}
