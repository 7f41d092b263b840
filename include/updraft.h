/* The C interface of Updraft. Made from ffi/updraft.rs, not written by hand. */

#ifndef UPDRAFT_H
#define UPDRAFT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 The version of this interface; it grows only when a call changes its meaning or goes.
 */
#define UPDRAFT_ABI_VERSION 1

/*
 Done, or nothing new.
 */
#define UPDRAFT_OK 0

/*
 There is a new version that a person may put off.
 */
#define UPDRAFT_AVAILABLE 1

/*
 There is a new version without which the program should not run.
 */
#define UPDRAFT_REQUIRED 2

/*
 It could not be done; updraft_error tells why. The program goes on as it is.
 */
#define UPDRAFT_FAILED -1

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 The version of the interface this library has: to be compared with UPDRAFT_ABI_VERSION.
 */
uint32_t updraft_abi_version(void);

/*
 Asks the updater beside this program for a new version; ends within the time set for checks.

 Returns UPDRAFT_OK, UPDRAFT_AVAILABLE, UPDRAFT_REQUIRED or UPDRAFT_FAILED. `by_hand`: a person wants to know now.
 If `offer` is not NULL and there is a new version, it gets the offer as JSON: `installed` and `release` (each
 `number` and `version`), `urgency`, `download_bytes`, `notes`, `versions`; to be given to updraft_free.

 # Safety
 `offer` is NULL or can be written to.
 */
int32_t updraft_has_new_version(bool by_hand,
                                char **offer);

/*
 Starts the updater, which waits for this process to end, updates, and starts the program again with the arguments,
 folder and environment it has now. On UPDRAFT_OK the program exits.
 */
int32_t updraft_hand_over(bool by_hand);

/*
 Says that this version runs well, once the program is usable. Without an update before, it does nothing.
 */
int32_t updraft_confirm_healthy(void);

/*
 Whether updates can be installed where this program lies: UPDRAFT_OK, or UPDRAFT_FAILED and the first reason.
 */
int32_t updraft_can_update(void);

/*
 The version this program was updated from, if it was started by the updater right after that; else NULL. To be given
 to updraft_free.
 */
char *updraft_updated_from(void);

/*
 Why the last call of this thread failed, and what would help, as text for a person; NULL if it did not fail. To be
 given to updraft_free.
 */
char *updraft_error(void);

/*
 The stable code of that failure, such as `network.unreachable`; NULL if there is none. To be given to updraft_free.
 */
char *updraft_error_code(void);

/*
 Frees a text of this library. NULL is nothing to free.

 # Safety
 `text` is NULL or came from this library and was not freed.
 */
void updraft_free(char *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* UPDRAFT_H */
