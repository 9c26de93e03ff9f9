/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A program that does what its arguments say, step by step, and prints what
 * it knows about itself after each act, one JSON object a line.  An argument
 * is "step" or "step=value"; acts/table.h lists them.
 */
#ifndef ACT_H
#define ACT_H

#define _GNU_SOURCE
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A step: value is what stands after '=', or "" . */
struct step {
	const char *name;
	void (*run)(char *value);
};

/* The arguments that are still to be done; exec= takes them all. */
extern char **act_rest;
extern char **act_environ;
/* The descriptor that the lines go to. */
extern int act_out;

/* What an act says: begin, its own values, end. */
void say_begin(const char *act, long result);
void say_number(const char *key, long long value);
void say_unsigned(const char *key, unsigned long long value);
void say_bytes(const char *key, const void *bytes, size_t length);
void say_string(const char *key, const char *text);
/* Appends the facts about the process, and prints the line. */
void say_end(void);
/* begin and end; result is that of a system call, with errno. */
void say(const char *act, long result);

/* Ends the program because a preparation failed. */
void die(const char *what) __attribute__((noreturn));
void check(bool good, const char *what);

/* "a:b:c" -> the number before the first ':', value moves on behind it. */
long long take_number(char **value);
char *take_word(char **value);

/* A system call of the 32-bit ABI goes through int 0x80 there. */
long result_of(long returned);

#define STEP(name)	void step_##name(char *value);
#include "table.h"
#undef STEP

#endif /* ACT_H */
