/* How a person is asked at the terminal: callbacks for programs that have one. A program with windows opens a dialog in the same
 * places. */

#ifndef TERMINAL_H
#define TERMINAL_H

#include <crescendo.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

enum { LONGEST = 256, CTRL_C = 3, CTRL_D = 4, BACKSPACE = 8, DELETE = 127 };

/* A plain memset of what is not read any more may be left out by the compiler. */
static inline void wipe(void *place, size_t size)
{
    volatile unsigned char *byte = place;
    while (size-- > 0)
        *byte++ = 0;
}

/* Reads a line that is not shown, not even in asterisks, and past the buffers of stdio, which nobody wipes. Ctrl-C is read as a
 * key like others: a signal would leave the terminal without echo. What was typed before the question is no answer to it. */
static inline bool read_hidden(const char *prompt, char *line, size_t size)
{
    struct termios before, hidden;
    if (tcgetattr(STDIN_FILENO, &before) != 0)
        return false;
    hidden = before;
    hidden.c_lflag &= ~(tcflag_t)(ECHO | ICANON | ISIG);
    hidden.c_cc[VMIN] = 1;
    hidden.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    fputs(prompt, stderr);
    size_t length = 0;
    bool entered = false;
    char key;
    while (read(STDIN_FILENO, &key, 1) == 1 && key != CTRL_C && key != CTRL_D) {
        if (key == '\n' || key == '\r') {
            entered = true;
            break;
        }
        if (key == DELETE || key == BACKSPACE)
            length -= length > 0;
        else if (length + 1 < size)
            line[length++] = key;
    }
    line[length] = '\0';
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return entered;
}

/* What is asked for, in words. */
static inline const char *asked_for(crescendo_question_kind kind)
{
    switch (kind) {
    case CRESCENDO_QUESTION_KIND_PIN: return "PIN";
    case CRESCENDO_QUESTION_KIND_NEW_PIN: return "New PIN";
    case CRESCENDO_QUESTION_KIND_PUK: return "PUK";
    case CRESCENDO_QUESTION_KIND_NEW_PUK: return "New PUK";
    case CRESCENDO_QUESTION_KIND_PAIRING_CODE: return "Pairing code";
    case CRESCENDO_QUESTION_KIND_ADMINISTRATION_KEY: return "Administration key (hexadecimal)";
    case CRESCENDO_QUESTION_KIND_MANAGEMENT_KEY: return "Management key (hexadecimal)";
    case CRESCENDO_QUESTION_KIND_RESPONSE: return "Response of the help desk";
    case CRESCENDO_QUESTION_KIND_PASSPHRASE: return "Passphrase";
    default: return "Secret"; /* of a library that is newer than this program */
    }
}

/* What was wrong with the last answer, what the help desk has to be told, and how the answer has to look. */
static inline void explain(const crescendo_question *question)
{
    if (question->problem.data != NULL)
        fprintf(stderr, "%s.\n", question->problem.data);
    if (question->challenge.data != NULL)
        fprintf(stderr, "Challenge for the help desk: %s\n", question->challenge.data);
    if (question->device_id.data != NULL)
        fprintf(stderr, "Device ID: %s\n", question->device_id.data);
    /* Of a new PIN everything that is wanted of it is told; of others how long they are. */
    if (question->rules.data != NULL)
        fprintf(stderr, "It has %s.\n", question->rules.data);
    else if (question->max > 0)
        fprintf(stderr, "It has %u to %u %s.\n", (unsigned)question->min, (unsigned)question->max,
                question->digits ? "digits" : "characters");
}

/* The callback `ask`. To return false sends nothing to the device, and spends no try. */
static inline bool ask_at_terminal(void *user, const crescendo_question *question, crescendo_answer *answer)
{
    (void)user;
    const char *name = asked_for(question->kind);
    bool is_new = question->kind == CRESCENDO_QUESTION_KIND_NEW_PIN || question->kind == CRESCENDO_QUESTION_KIND_NEW_PUK;
    char line[LONGEST], again[LONGEST], tries[32] = "", prompt[LONGEST];
    explain(question);
    if (question->tries >= 0)
        snprintf(tries, sizeof tries, " (%d %s left)", (int)question->tries, question->tries == 1 ? "try" : "tries");
    snprintf(prompt, sizeof prompt, "%s of %s%s: ", name, question->device.data, tries);
    bool entered = read_hidden(prompt, line, sizeof line);
    /* What is not seen while it is typed is typed twice, where a mistake would lock its owner out. */
    if (entered && is_new) {
        entered = read_hidden("Once more: ", again, sizeof again) && strcmp(line, again) == 0;
        if (!entered)
            fputs("The two are not the same. Nothing was changed.\n", stderr);
        wipe(again, sizeof again);
    }
    /* The library makes a copy, which it wipes; this one is ours. */
    entered = entered && crescendo_answer_set(answer, line, CRESCENDO_TERMINATED) == CRESCENDO_STATUS_OK;
    wipe(line, sizeof line);
    return entered;
}

/* The callback `confirm`: each line says what is lost. */
static inline bool confirm_at_terminal(void *user, const crescendo_text *lines, size_t count)
{
    (void)user;
    char answer[8] = "";
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "! %s\n", lines[i].data);
    fputs("Go on? Type yes: ", stderr);
    return fgets(answer, sizeof answer, stdin) != NULL && strcmp(answer, "yes\n") == 0;
}

/* Says why a call failed. It belongs right after that call: the next one of this thread has a reason of its own. */
static inline int failed(void)
{
    const crescendo_error *error = crescendo_last_error();
    fprintf(stderr, "%s\n", error->message.data);
    if (error->tries >= 0)
        fprintf(stderr, "Tries left: %d\n", (int)error->tries);
    for (size_t i = 0; i < error->candidate_count; i++)
        fprintf(stderr, "  %s, in %s\n", error->candidates[i]->name.data, error->candidates[i]->reader.data);
    return 1;
}

#endif
