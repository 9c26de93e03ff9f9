/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The smoke test: the guest's only program, static, process 1.  It loads the
 * driver, does what it records, and hands everything to the host as lines of
 * the kernel's log, which no other output can cut.
 */
#ifndef SMOKE_H
#define SMOKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include "ksonde.h"

#define ACTED	"/tmp/acted"	/* a copy of this program */
#define SUID	"/tmp/suid"	/* a copy that is set-user-ID root */
#define PLAIN	"/tmp/plain"	/* a file that is not executable */
#define ODD	"/tmp/made\n\x1e\x17 \"\xff"

/* One line "ksonde-smoke: WHAT ..."; returns its number of the kind. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Bytes in base64, in as many lines as it takes, then a line "WHAT.". */
void say_bytes(const char *what, const void *bytes, size_t length);
/* Says what failed, with errno, and ends the test. */
void die(const char *what) __attribute__((noreturn));
uint64_t now_ns(void);

/* act.c: what is done; every act says what its record must tell. */
void acts_prepare(void);
void acts_all(void);
/* more.c: those that nothing else builds upon. */
void acts_more(void);
/* process.c: on other processes, and on the own memory. */
void acts_process(void);
/* cred.c, usb.c: with modules beside the driver. */
void acts_cred(void);
void acts_usb(void);
/* What the copies of this program do when they are executed. */
int acted(int argc, char **argv);
/* So many processes that end at once. */
void acts_forks(unsigned int count);
long load_module(const char *file, const char *parameters);

/* main.c: what INFO said; sessions that want all events. */
extern struct ksonde_info info;
void events_all(struct ksonde_events *events);
int session_prepared(uint64_t bytes);
void session_hooks(int device);

/* look.c: all that INSPECT answers, with all hooks armed. */
void look(int device);

/* debug.c: nothing where the kernel cannot. */
void debug_prepare(void);
void debug_faults(void);
void debug_leaks(void);

#endif /* SMOKE_H */
