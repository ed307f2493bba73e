/* File store and memory store in step with a naive model: no answer may differ. By default a few thousand
 * operations on some seeds; STORE_MODEL_OPS=1000000 (and STORE_MODEL_SEED) run longer ones.
 * covers: ST-107 ST-184 ST-185 ST-186 ST-187 ST-188 ST-191 ST-192 ST-194 ST-195 ST-199 ST-200 ST-201 ST-202
 * ST-203 ST-204 ST-205 ST-206 ST-207 ST-208 ST-209 ST-210 ST-211 ST-212 ST-215 */
#include "unit.h"
#include "sim/store_model.h"

#include <stdlib.h>

static uint64_t from_env(const char *name, uint64_t otherwise)
{
    const char *v = getenv(name);
    return v == NULL ? otherwise : strtoull(v, NULL, 10);
}

static void test_model(void)
{
    uint64_t ops = from_env("STORE_MODEL_OPS", 40000), seed = from_env("STORE_MODEL_SEED", 1);
    uint64_t each = 4000;
    for (uint64_t done = 0; done < ops; done += each, seed++) {
        char report[512];
        struct store_model_options o = {.seed = seed, .ops = ops - done < each ? ops - done : each};
        if (!store_model_run(&o, report, sizeof report)) {
            printf("seed %llu: %s\n", (unsigned long long)seed, report);
            CU_FAIL("the stores differ from the model");
        }
    }
}

static const struct unit_test tests[] = {UNIT_TEST(test_model)};
UNIT_MAIN("store_model", tests)
