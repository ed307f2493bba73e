/* store_fuzz.h: a file store on a simulated disk, for harnesses that put their bytes into one of its files.
 */
#ifndef FUZZ_STORE_FUZZ_H
#define FUZZ_STORE_FUZZ_H

#include "fuzz.h"
#include "sim/sim_disk.h"
#include "store/file_store.h"
#include "store/files.h"

#define STORE_FUZZ_DIR "/js/ONE"

struct store_fuzz {
    struct sched *sched;
    struct sim_disk *disk;
    struct storage *storage;
    struct store_host host;
    struct file_store_options o;
};

static inline void store_fuzz_start(struct store_fuzz *f)
{
    *f = (struct store_fuzz){.sched = sched_new(1)};
    f->disk = sim_disk_new(f->sched);
    sim_disk_mkdirs(f->disk, STORE_FUZZ_DIR "/msgs");
    struct storage_options so = {.disk = sim_disk_base(f->disk), .dir = "/js"};
    fuzz_check(storage_open(&so, &f->storage) == 0);
    f->host = (struct store_host){.disk = so.disk,
                                  .port = storage_port_new(f->storage, NULL, NULL),
                                  .cache = store_cache_new(1 << 20),
                                  .random = sched_bytes,
                                  .random_ctx = f->sched};
    f->o = (struct file_store_options){.host = &f->host,
                                       .dir = STORE_FUZZ_DIR,
                                       .name = SLICE_LIT("ONE"),
                                       .meta = SLICE_LIT("{\"name\":\"ONE\"}"),
                                       .block_size = 4000,
                                       .track_subjects = true,
                                       .now = SIM_EPOCH_NS};
}

static inline void store_fuzz_stop(struct store_fuzz *f)
{
    storage_port_free(f->host.port);
    fuzz_check(storage_close(f->storage) == 0);
    store_cache_free(f->host.cache);
    sim_disk_free(f->disk);
    sched_free(f->sched);
}

static inline void store_fuzz_put(struct store_fuzz *f, const char *name, slice bytes)
{
    char path[DISK_PATH_MAX];
    fuzz_check(files_path(path, STORE_FUZZ_DIR "/msgs", name));
    fuzz_check(files_write_plain(f->host.disk, path, bytes) == STORE_OK);
}

/* Whatever it was made of, it takes a message, gives it back, and is the same after a restart. */
static inline void store_fuzz_goes_on(struct store_fuzz *f, struct store *s)
{
    struct store_state before, after;
    struct store_msg m;
    uint64_t seq = 0;
    store_state(s, &before);
    struct store_append a = {.ts = SIM_EPOCH_NS, .subject = SLICE_LIT("new"), .data = SLICE_LIT("data")};
    enum store_rc rc = store_append(s, &a, SIM_EPOCH_NS, &seq);
    fuzz_check(rc == STORE_OK || (rc == STORE_INVALID && before.last >= UINT64_MAX / 8));
    if (rc == STORE_OK) {
        fuzz_check(seq == before.last + 1 && store_load(s, seq, &m) == STORE_OK);
        fuzz_check(slice_eq_str(m.subject, "new") && slice_eq_str(m.data, "data"));
    }
    store_state(s, &before);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
    fuzz_check(file_store_open(&f->o, &s) == STORE_OK);
    store_state(s, &after);
    fuzz_check(before.msgs == after.msgs && before.bytes == after.bytes && before.last == after.last);
    fuzz_check(store_close(s, SIM_EPOCH_NS) == STORE_OK);
}

#endif
