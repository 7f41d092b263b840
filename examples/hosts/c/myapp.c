/* A program in C that keeps itself up to date, over the C interface of Updraft (include/updraft.h).
 *
 *     cc myapp.c -I include -L . -lupdraft_c -Wl,-rpath,'$ORIGIN' -o myapp
 *
 * Its work is to note version, second argument, folder, the variable MARK and the version it was updated from in the
 * file named by its first argument. */
#define _XOPEN_SOURCE 700
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "updraft.h"

/* Says why the last call failed. The program goes on as it is. */
static void complain(const char *what)
{
    char *why = updraft_error();
    fprintf(stderr, "%s: %s\n", what, why ? why : "no reason is known");
    updraft_free(why);
}

/* Asks in a terminal; elsewhere the updater asks in its window. */
static bool agrees(void)
{
    if (!isatty(STDIN_FILENO))
        return true;
    printf("A new version is here. Update now? [Y/n] ");
    fflush(stdout);
    int answer = getchar();
    return answer != 'n' && answer != 'N';
}

/* Whether the updater has it from here. */
static bool is_updated(void)
{
    char *offer = NULL;
    int found = updraft_has_new_version(false, &offer);
    if (found == UPDRAFT_FAILED)
        complain("can't check for updates");
    if (offer)
        printf("offered: %s\n", offer);
    updraft_free(offer);
    if (found != UPDRAFT_REQUIRED && !(found == UPDRAFT_AVAILABLE && agrees()))
        return false;
    if (updraft_hand_over(false) == UPDRAFT_OK)
        return true;
    complain("can't hand over");
    return false;
}

static void read_version(const char *program, char *version, int size)
{
    char path[4096];
    const char *slash = strrchr(program, '/');
    snprintf(path, sizeof path, "%.*sversion", slash ? (int)(slash - program + 1) : 0, program);
    FILE *file = fopen(path, "r");
    if (!file || !fgets(version, size, file))
        strcpy(version, "?");
    version[strcspn(version, "\n")] = '\0';
    if (file)
        fclose(file);
}

static void work(int argc, char **argv, const char *version, const char *from)
{
    char folder[4096];
    FILE *file = argc > 1 ? fopen(argv[1], "a") : NULL;
    if (!file || !getcwd(folder, sizeof folder))
        return;
    const char *mark = getenv("MARK");
    fprintf(file, "%s\t%s\t%s\t%s\t%s\n", version, argc > 2 ? argv[2] : "", folder, mark ? mark : "", from);
    fclose(file);
}

int main(int argc, char **argv)
{
    if (updraft_abi_version() != UPDRAFT_ABI_VERSION) {
        fprintf(stderr, "the library beside this program has another interface\n");
        return 1;
    }
    char version[64];
    read_version(argv[0], version, sizeof version);
    printf("MyApp %s\n", version);
    char *from = updraft_updated_from();
    if (from)
        printf("updated from %s\n", from);
    if (is_updated())
        return 0; /* the updater starts the program again */
    work(argc, argv, version, from ? from : "");
    updraft_free(from);
    if (updraft_confirm_healthy() != UPDRAFT_OK)
        complain("can't say that this version is well");
    return 0;
}
