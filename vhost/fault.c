/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Owns the SIGBUS handler and the table of mappings that may fault.
 *
 * One writer, the control thread; readers are signal handlers on any thread, which may not wait. Entries are used
 * again, and a base and a size of two different mappings would make us replace memory of a third: so each entry has a
 * version, odd while it is written. A reader that finds it odd or changed passes on: the mapping it looks for is in
 * use, and its entry stands still.
 */
#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fault.h"

struct watch {
	_Atomic uint32_t version;
	_Atomic uintptr_t base;
	_Atomic size_t size; /* 0: free */
	_Atomic bool *_Atomic flag;
};

static struct watch watches[HD_FAULT_WATCHES];
static _Atomic uint32_t end; /* no entry in use from here on. Writer: control */
static uint32_t lowest_free; /* none free below. Control */

static_assert(sizeof(struct watch) == 32, "entries do not straddle cache lines");
static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2, "signal handlers may not take locks");

/* The version's store precedes what is stored after it by release: pairs with the acquiring loads of read_watch. */
static void write_watch(struct watch *watch, uintptr_t base, size_t size, _Atomic bool *flag)
{
	uint32_t version = atomic_load_explicit(&watch->version, memory_order_relaxed);

	atomic_store_explicit(&watch->version, version + 1, memory_order_relaxed);
	atomic_store_explicit(&watch->base, base, memory_order_release);
	atomic_store_explicit(&watch->flag, flag, memory_order_release);
	atomic_store_explicit(&watch->size, size, memory_order_release);
	atomic_store_explicit(&watch->version, version + 2, memory_order_release);
}

/* False: nothing there, or it is being written. */
static bool read_watch(struct watch *watch, uintptr_t *base, size_t *size, _Atomic bool **flag)
{
	uint32_t version = atomic_load_explicit(&watch->version, memory_order_acquire); /* pairs with write_watch */

	if (version % 2 != 0)
		return false;
	*base = atomic_load_explicit(&watch->base, memory_order_acquire);
	*flag = atomic_load_explicit(&watch->flag, memory_order_acquire);
	*size = atomic_load_explicit(&watch->size, memory_order_acquire);
	return *size != 0 && atomic_load_explicit(&watch->version, memory_order_relaxed) == version;
}

/* In the handler. libc's mmap may be somebody's (AddressSanitizer's), hence the bare system call. */
static bool replace(uintptr_t address)
{
	uint32_t n = atomic_load_explicit(&end, memory_order_acquire); /* pairs with hd_fault_watch */

	for (uint32_t i = 0; i < n; i++) {
		_Atomic bool *flag;
		uintptr_t base;
		size_t size;

		if (!read_watch(&watches[i], &base, &size, &flag) || address - base >= size)
			continue;
		if (syscall(SYS_mmap, base, size, PROT_READ | PROT_WRITE,
			    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0L) != (long)base)
			return false;
		atomic_store_explicit(flag, true, memory_order_relaxed);
		return true;
	}
	return false;
}

static void on_sigbus(int number, siginfo_t *info, void *context)
{
	int saved = errno;

	/* Positive: from the kernel, with an address. Else somebody sent it, and no access will repeat it. */
	if (info->si_code <= 0 || !replace((uintptr_t)info->si_addr)) {
		signal(SIGBUS, SIG_DFL);
		if (info->si_code <= 0)
			raise(SIGBUS);
	}
	errno = saved;
}

int hd_fault_init(void)
{
	struct sigaction action = {.sa_sigaction = on_sigbus, .sa_flags = SA_SIGINFO};

	sigemptyset(&action.sa_mask);
	return sigaction(SIGBUS, &action, NULL) == 0 ? 0 : -errno;
}

int hd_fault_watch(void *base, size_t size, _Atomic bool *flag)
{
	uint32_t n = atomic_load_explicit(&end, memory_order_relaxed), i = lowest_free;

	while (i < n && atomic_load_explicit(&watches[i].size, memory_order_relaxed) != 0)
		i++;
	lowest_free = i;
	if (i == HD_FAULT_WATCHES)
		return -ENOSPC;
	write_watch(&watches[i], (uintptr_t)base, size, flag);
	lowest_free = i + 1;
	if (i == n)
		atomic_store_explicit(&end, n + 1, memory_order_release); /* pairs with replace */
	return 0;
}

void hd_fault_forget(const void *base)
{
	uint32_t n = atomic_load_explicit(&end, memory_order_relaxed), i = n;

	while (i > 0 && atomic_load_explicit(&watches[i - 1].base, memory_order_relaxed) != (uintptr_t)base)
		i--;
	if (i == 0)
		return;
	write_watch(&watches[i - 1], 0, 0, NULL);
	if (i - 1 < lowest_free)
		lowest_free = i - 1;
	while (n > 0 && atomic_load_explicit(&watches[n - 1].size, memory_order_relaxed) == 0)
		n--;
	atomic_store_explicit(&end, n, memory_order_relaxed);
}
