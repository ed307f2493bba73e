/* path.h: file names, by text alone. Results lie in the arena with a NUL behind; SLICE_EMPTY when out of
 * memory. */
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <midge/slice.h>

struct arena;

/* The shortest equal path: no ".", no "//", ".." taken back where a name stands before it. Never empty. */
slice path_clean(struct arena *a, slice path);
/* `target` in the folder that holds `file`, cleaned. An absolute target is put below that folder, too. */
slice path_join_dir(struct arena *a, slice file, slice target);
/* What follows the last '/'. */
slice path_base(slice path);

#endif
