/* main.c: the scenario runner.
 *
 *     scenario --server PATH [--loops N] [--jobs N] [--only TEXT] [--results FILE] [--keep] [--list] FILE...
 *
 * FILE may be a folder: all its *.scn files, in the order of their names. Each scenario is played in a forked
 * process with a folder, ports and servers of its own, several at a time. One line a scenario, then "N
 * passed, N failed, N skipped". Exit code 0 when at least one passed and none failed; 77 when there is no
 * server program. */
#include "play.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_JOBS        32u
#define STEP_TIMEOUT_MS 20000u
#define PLAY_TIMEOUT_MS 120000u
#define EXIT_SKIPPED    77

enum outcome { OUTCOME_PASS, OUTCOME_FAIL, OUTCOME_SKIP };

struct job {
    pid_t pid; /* 0: free */
    int pipe;
    const struct scenario *scenario;
    struct bytes report;
    uint64_t started_ms;
    char work_dir[PATH_MAX];
};

struct runner {
    struct play_options options;
    char server_path[PATH_MAX];
    char certs[PATH_MAX];
    char work_root[PATH_MAX];
    const char *only;
    const char *results_path;
    FILE *results;
    bool keep, list;
    unsigned jobs;
    unsigned scale; /* of all timeouts: SCENARIO_TIMEOUT_SCALE */
    struct script *scripts;
    size_t script_count;
    unsigned long counts[3];
    struct job running[MAX_JOBS];
};

/* ---- one scenario ---- */

static void tell(struct runner *r, const struct scenario *s, enum outcome outcome, const char *detail,
                 uint64_t ms)
{
    static const char *const names[] = {"PASS", "FAIL", "SKIP"};
    r->counts[outcome]++;
    printf("%s %s:%u %.*s", names[outcome], s->file, s->line, (int)s->title.len, (const char *)s->title.ptr);
    if (outcome == OUTCOME_SKIP)
        printf(" (%s)\n", detail);
    else
        printf(" (%" PRIu64 ".%02" PRIu64 " s)\n", ms / 1000, ms % 1000 / 10);
    if (outcome == OUTCOME_FAIL)
        fputs(detail, stdout);
    fflush(stdout);
    if (r->results != NULL) {
        fprintf(r->results, "%s\t%s:%u\t%.*s\t%.*s\n", names[outcome], s->file, s->line, (int)s->title.len,
                (const char *)s->title.ptr, (int)s->covers.len, (const char *)s->covers.ptr);
        fflush(r->results);
    }
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

/* midge refuses by name what it does not do yet. A scenario that needs such a thing is skipped with that
 * sentence, and plays by itself once the key is supported. */
static bool refused_at_start(const char *report, char *reason, size_t size)
{
    const char *mark = strstr(report, "\" is not supported by midge yet");
    if (mark == NULL || strstr(report, "ended by itself, exit code 1") == NULL)
        return false;
    const char *from = mark;
    while (from > report && from[-1] != '"' && from[-1] != '\n')
        from--;
    snprintf(reason, size, "midge does not support \"%.*s\" yet", (int)(mark - from), from);
    return true;
}

static void play_in_child(struct runner *r, struct job *job, int out)
{
    struct play_options options = r->options;
    struct bytes report = {0};
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    options.work_dir = job->work_dir;
    bool ok = play_scenario(job->scenario, &options, &report);
    bytes_add_byte(&report, ok ? '+' : '-');
    for (size_t at = 0; at < report.len;) {
        ssize_t n = write(out, report.ptr + at, report.len - at);
        if (n <= 0)
            break;
        at += (size_t)n;
    }
    bytes_free(&report);
    _exit(0);
}

static bool start_job(struct runner *r, struct job *job, const struct scenario *s)
{
    int ends[2];
    snprintf(job->work_dir, sizeof job->work_dir, "%.*s/XXXXXX", PATH_MAX - 10, r->work_root);
    if (mkdtemp(job->work_dir) == NULL || pipe2(ends, O_CLOEXEC) != 0)
        return false;
    job->scenario = s;
    job->started_ms = io_now_ms();
    fflush(NULL);
    job->pid = fork();
    if (job->pid == 0) {
        close(ends[0]);
        play_in_child(r, job, ends[1]);
    }
    close(ends[1]);
    job->pipe = ends[0];
    return job->pid > 0;
}

static void finish_job(struct runner *r, struct job *job)
{
    int status;
    uint64_t ms = io_now_ms() - job->started_ms;
    waitpid(job->pid, &status, 0);
    kill(-job->pid, SIGKILL); /* whatever it left behind */
    close(job->pipe);
    struct bytes *report = &job->report;
    bool passed = report->len > 0 && report->ptr[report->len - 1] == '+';
    if (report->len > 0 && (passed || report->ptr[report->len - 1] == '-'))
        report->len--;
    else
        bytes_add_str(report, "  the scenario took too long or its player crashed\n");
    if (!passed && r->keep) {
        bytes_add_str(report, "  kept: ");
        bytes_add_str(report, job->work_dir);
        bytes_add_str(report, "\n");
    }
    char refusal[256];
    if (!passed && refused_at_start(bytes_str(report), refusal, sizeof refusal))
        tell(r, job->scenario, OUTCOME_SKIP, refusal, ms);
    else
        tell(r, job->scenario, passed ? OUTCOME_PASS : OUTCOME_FAIL, bytes_str(report), ms);
    if (passed || !r->keep)
        nftw(job->work_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    bytes_free(report);
    *job = (struct job){0};
}

static uint64_t time_limit(const struct runner *r, const struct scenario *s)
{
    return (uint64_t)(s->timeout_ms != 0 ? s->timeout_ms : PLAY_TIMEOUT_MS) * r->scale;
}

/* Waits until a job has something to say; ends those that are done or out of time. */
static void serve_jobs(struct runner *r)
{
    struct pollfd fds[MAX_JOBS];
    for (unsigned i = 0; i < r->jobs; i++)
        fds[i] = (struct pollfd){.fd = r->running[i].pid > 0 ? r->running[i].pipe : -1, .events = POLLIN};
    poll(fds, r->jobs, 200);
    for (unsigned i = 0; i < r->jobs; i++) {
        struct job *job = &r->running[i];
        if (job->pid == 0)
            continue;
        if (fds[i].revents != 0) {
            ssize_t n = read(job->pipe, bytes_reserve(&job->report, 4096), 4096);
            if (n > 0)
                job->report.len += (size_t)n;
            else
                finish_job(r, job);
        } else if (io_now_ms() - job->started_ms > time_limit(r, job->scenario)) {
            kill(-job->pid, SIGKILL);
            kill(job->pid, SIGKILL);
        }
    }
}

static struct job *free_job(struct runner *r, bool alone)
{
    for (;;) {
        struct job *found = NULL;
        unsigned busy = 0;
        for (unsigned i = 0; i < r->jobs; i++) {
            if (r->running[i].pid == 0)
                found = &r->running[i];
            else
                busy++;
        }
        if (found != NULL && (!alone || busy == 0))
            return found;
        serve_jobs(r);
    }
}

static bool is_wanted(const struct runner *r, const struct scenario *s)
{
    if (r->only == NULL)
        return true;
    return memmem(s->title.ptr, s->title.len, r->only, strlen(r->only)) != NULL ||
           strstr(s->file, r->only) != NULL ||
           (s->covers.len > 0 && memmem(s->covers.ptr, s->covers.len, r->only, strlen(r->only)) != NULL);
}

static void run_one(struct runner *r, const struct scenario *s)
{
    char reason[300];
    if (r->list) {
        printf("%s:%u\t%.*s\t%.*s\n", s->file, s->line, (int)s->title.len, (const char *)s->title.ptr,
               (int)s->covers.len, (const char *)s->covers.ptr);
        return;
    }
    if (s->only != PEER_ANY && s->only != r->options.peer) {
        snprintf(reason, sizeof reason, "%.*s", (int)s->reason.len, (const char *)s->reason.ptr);
        tell(r, s, OUTCOME_SKIP, reason, 0);
        return;
    }
    struct job *job = free_job(r, s->serial);
    if (!start_job(r, job, s))
        tell(r, s, OUTCOME_FAIL, "  cannot start a process\n", 0);
    else if (s->serial)
        while (job->pid != 0)
            serve_jobs(r);
}

/* First those that may share the machine, then the serial ones. */
static void run_all(struct runner *r)
{
    for (int serial = 0; serial < 2; serial++) {
        for (size_t i = 0; i < r->script_count; i++) {
            for (size_t j = 0; j < r->scripts[i].count; j++) {
                const struct scenario *s = &r->scripts[i].scenarios[j];
                if (s->serial == (serial == 1) && is_wanted(r, s))
                    run_one(r, s);
            }
        }
    }
    for (unsigned i = 0; i < r->jobs; i++) {
        while (r->running[i].pid != 0)
            serve_jobs(r);
    }
}

/* ---- files ---- */

static bool add_script(struct runner *r, const char *path)
{
    char error[600];
    r->scripts = realloc(r->scripts, (r->script_count + 1) * sizeof *r->scripts);
    if (r->scripts == NULL)
        abort();
    if (script_load(&r->scripts[r->script_count++], path, error, sizeof error))
        return true;
    fprintf(stderr, "scenario: %s\n", error);
    return false;
}

static int is_scenario_or_folder(const struct dirent *entry)
{
    size_t n = strlen(entry->d_name);
    return entry->d_name[0] != '.' &&
           (entry->d_type == DT_DIR || (n > 4 && strcmp(entry->d_name + n - 4, ".scn") == 0));
}

/* A file, or what a folder holds (folders nest only a few levels: the path must fit). */
static bool add_path(struct runner *r, const char *path)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode))
        return add_script(r, path);
    struct dirent **entries;
    int n = scandir(path, &entries, is_scenario_or_folder, alphasort);
    if (n < 0) {
        fprintf(stderr, "scenario: %s: %s\n", path, strerror(errno));
        return false;
    }
    bool ok = true;
    for (int i = 0; i < n; i++) {
        char inner[PATH_MAX];
        int len = snprintf(inner, sizeof inner, "%s/%s", path, entries[i]->d_name);
        ok = ok && len < (int)sizeof inner && add_path(r, inner);
        free(entries[i]);
    }
    free(entries);
    return ok;
}

/* ---- the program ---- */

static int usage(void)
{
    fputs("usage: scenario --server PATH [--kind midge|go] [--loops N] [--jobs N] [--certs FOLDER] [--only "
          "TEXT]\n"
          "                [--results FILE] [--keep] [--list] FILE...\n",
          stderr);
    return 2;
}

static bool parse_flags(struct runner *r, int argc, char **argv, const char **server, const char **kind)
{
    static const struct option flags[] = {
        {"server", required_argument, NULL, 's'}, {"loops", required_argument, NULL, 'l'},
        {"jobs", required_argument, NULL, 'j'},   {"certs", required_argument, NULL, 'c'},
        {"only", required_argument, NULL, 'o'},   {"results", required_argument, NULL, 'r'},
        {"kind", required_argument, NULL, 'k'},   {"keep", no_argument, NULL, 'K'},
        {"list", no_argument, NULL, 'L'},         {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", flags, NULL)) != -1;) {
        switch (c) {
        case 's':
            *server = optarg;
            break;
        case 'k':
            *kind = optarg;
            break;
        case 'l':
            r->options.loops = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'j':
            r->jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'c':
            snprintf(r->certs, sizeof r->certs, "%s", optarg);
            break;
        case 'o':
            r->only = optarg;
            break;
        case 'r':
            r->results_path = optarg;
            break;
        case 'K':
            r->keep = true;
            break;
        case 'L':
            r->list = true;
            break;
        default:
            return false;
        }
    }
    return (*server != NULL || r->list) && optind < argc && r->jobs >= 1 && r->jobs <= MAX_JOBS;
}

/* Scenarios may open as many connections as the machine allows. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static bool prepare(struct runner *r, const char *server, const char *kind)
{
    const char *tmp = getenv("TMPDIR");
    if (realpath(server, r->server_path) == NULL || access(r->server_path, X_OK) != 0) {
        printf("SKIP all scenarios: %s: %s\n0 passed, 0 failed, 0 skipped\n", server, strerror(errno));
        exit(EXIT_SKIPPED);
    }
    char certs[PATH_MAX];
    if (r->certs[0] != '\0') {
        if (realpath(r->certs, certs) == NULL) {
            fprintf(stderr, "scenario: %s: %s\n", r->certs, strerror(errno));
            return false;
        }
        memcpy(r->certs, certs, sizeof certs);
    }
    const char *name = strrchr(r->server_path, '/') + 1;
    if (kind == NULL)
        kind = strncmp(name, "midge", 5) == 0 ? "midge" : "go";
    r->options.peer = strcmp(kind, "midge") == 0 ? PEER_MIDGE : PEER_GO;
    r->options.server_path = r->server_path;
    r->options.certs = r->certs;
    const char *step = getenv("SCENARIO_STEP_MS");
    r->options.timeout_ms = (step == NULL ? STEP_TIMEOUT_MS : (unsigned)strtoul(step, NULL, 10)) * r->scale;
    snprintf(r->work_root, sizeof r->work_root, "%s/scenario-XXXXXX", tmp == NULL ? "/tmp" : tmp);
    if (mkdtemp(r->work_root) == NULL) {
        fprintf(stderr, "scenario: %s: %s\n", r->work_root, strerror(errno));
        return false;
    }
    if (r->results_path != NULL && (r->results = fopen(r->results_path, "w")) == NULL) {
        fprintf(stderr, "scenario: %s: %s\n", r->results_path, strerror(errno));
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct runner *r = calloc(1, sizeof *r);
    const char *server = NULL, *kind = NULL;
    const char *scale = getenv("SCENARIO_TIMEOUT_SCALE");
    if (r == NULL)
        return 2;
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    r->jobs = cpus < 1 ? 2 : cpus > 8 ? 16 : (unsigned)cpus * 2;
    r->scale = scale == NULL ? 1 : (unsigned)strtoul(scale, NULL, 10);
    if (r->scale == 0)
        r->scale = 1;
    if (!parse_flags(r, argc, argv, &server, &kind))
        return free(r), usage();
    raise_descriptor_limit();
    bool ok = r->list || prepare(r, server, kind);
    for (int i = optind; ok && i < argc; i++)
        ok = add_path(r, argv[i]);
    if (ok)
        run_all(r);
    if (r->work_root[0] != '\0')
        rmdir(r->work_root); /* kept when a failed scenario's folder is */
    for (size_t i = 0; i < r->script_count; i++)
        script_free(&r->scripts[i]);
    free(r->scripts);
    if (r->results != NULL)
        fclose(r->results);
    if (ok && !r->list)
        printf("%lu passed, %lu failed, %lu skipped\n", r->counts[OUTCOME_PASS], r->counts[OUTCOME_FAIL],
               r->counts[OUTCOME_SKIP]);
    ok = ok && r->counts[OUTCOME_FAIL] == 0 && (r->list || r->counts[OUTCOME_PASS] > 0);
    free(r);
    return ok ? 0 : 1;
}
