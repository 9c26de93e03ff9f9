/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trampolines of fexit.c.  The first instruction of a function that is
 * followed calls one: on the stack are where that function goes on and, above,
 * where it returns to.  It was not entered yet, so all registers that
 * arguments can be in are kept.
 */
#include <asm/percpu.h>
#include <asm/unwind_hints.h>
#include "../compat/asm.h"
#include "fexit.h"

/* At each instruction the stack is that of a function, as whoever unwinds it sees it. */
.macro FEXIT slot
SYM_START(ks_fexit_\slot, SYM_L_GLOBAL, SYM_A_ALIGN)
	KS_ENDBR
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$KS_FEXIT_FRAME, %rsp
	movq	%rdi, 0(%rsp)
	movq	%rsi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%rcx, 24(%rsp)
	movq	%r8, 32(%rsp)
	movq	%r9, 40(%rsp)
	/* Before it is looked whether anybody follows: who takes that away then counts. */
	incl	PER_CPU_VAR(ks_fexit_calls + 4 * \slot)
	movq	ks_fexit_generations + 8 * \slot(%rip), %rax
	movq	%rax, KS_FEXIT_GENERATION(%rsp)
	testq	%rax, %rax
	jz	.Lpass_\slot
	cmpb	$0, ks_fexit_asks + \slot(%rip)
	jne	.Lask_\slot
.Lfollow_\slot:
	call	ks_fexit_body
	movl	$\slot, %edi
	movq	%rsp, %rsi
	movq	%rax, %rdx
	movq	%rax, KS_FEXIT_CALLER(%rsp)
	call	ks_fexit_leave
	movq	KS_FEXIT_CALLER(%rsp), %rax
	leave
	/* Not back into the function, which has run, but to its caller. */
	addq	$8, %rsp
	UNWIND_HINT_FUNC
	RET
.Lask_\slot:
	movq	16(%rbp), %rax
	movq	%rax, KS_FEXIT_CALLER(%rsp)
	movl	$\slot, %edi
	movq	%rsp, %rsi
	call	ks_fexit_enter
	testb	%al, %al
	movq	0(%rsp), %rdi
	movq	8(%rsp), %rsi
	movq	16(%rsp), %rdx
	movq	24(%rsp), %rcx
	movq	32(%rsp), %r8
	movq	40(%rsp), %r9
	jnz	.Lfollow_\slot
.Lpass_\slot:
	/* Maybe on another CPU: only the sum tells. */
	decl	PER_CPU_VAR(ks_fexit_calls + 4 * \slot)
	leave
	RET
SYM_FUNC_END(ks_fexit_\slot)
.endm

/*
 * Enters the function itself, which returns to who calls this.  By a return: a
 * jump through a register may not go into the middle of a function (IBT), and
 * this one pairs with the call that brought us here, as the last one of the
 * trampoline does with that of the caller: calls and returns stay even.
 */
SYM_FUNC_START_LOCAL(ks_fexit_body)
	pushq	8(%rbp)
	UNWIND_HINT_FUNC
	RET
SYM_FUNC_END(ks_fexit_body)

	FEXIT 0
	FEXIT 1
	FEXIT 2
	FEXIT 3
	FEXIT 4
	FEXIT 5
	FEXIT 6
	FEXIT 7

/* Asks for bits, and mostly goes back at once. */
.macro FENTRY slot
SYM_START(ks_fentry_\slot, SYM_L_GLOBAL, SYM_A_ALIGN)
	KS_ENDBR
	movl	ks_fentry_offsets + 4 * \slot(%rip), %eax
	movl	ks_fentry_bits + 4 * \slot(%rip), %r11d
	testl	%r11d, (%rdi, %rax)
	jnz	.Lbits_\slot
	RET
.Lbits_\slot:
	pushq	%rbp
	movq	%rsp, %rbp
	subq	$KS_FENTRY_FRAME, %rsp
	movq	%rdi, 0(%rsp)
	movq	%rsi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%rcx, 24(%rsp)
	movq	%r8, 32(%rsp)
	movq	%r9, 40(%rsp)
	movq	16(%rbp), %rax
	movq	%rax, KS_FEXIT_CALLER(%rsp)
	movl	$\slot, %edi
	movq	%rsp, %rsi
	call	ks_fentry_enter
	movq	0(%rsp), %rdi
	movq	8(%rsp), %rsi
	movq	16(%rsp), %rdx
	movq	24(%rsp), %rcx
	movq	32(%rsp), %r8
	movq	40(%rsp), %r9
	leave
	RET
SYM_FUNC_END(ks_fentry_\slot)
.endm

	FENTRY 0
	FENTRY 1

	.pushsection .rodata
	.balign	8
SYM_DATA_START(ks_fexit_trampolines)
	.quad	ks_fexit_0, ks_fexit_1, ks_fexit_2, ks_fexit_3
	.quad	ks_fexit_4, ks_fexit_5, ks_fexit_6, ks_fexit_7
SYM_DATA_END(ks_fexit_trampolines)
SYM_DATA_START(ks_fentry_trampolines)
	.quad	ks_fentry_0, ks_fentry_1
SYM_DATA_END(ks_fentry_trampolines)
	.popsection
