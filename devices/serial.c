/* SPDX-License-Identifier: MIT */
/*
 * A 16550A serial port, after National Semiconductor's PC16550D data sheet (June 1995), whose
 * sections are cited. Differences to the chip, none of which a driver can hold against it: the line
 * has no speed (the divisor is stored and ignored), so the receiver's timeout is due at once; there
 * are no parity, framing and break errors; and resetting the transmitter's FIFO does not take back
 * what the chip has accepted.
 *
 * Registers are accessed on the vCPUs' threads, the chario_port callbacks run on the I/O thread;
 * `lock` is held around both. Lock order: this lock, then the console's: the console's functions
 * are called with this lock held, and so it must call ours without holding its own.
 */
#include "devices/serial.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "devices/isa.h"
#include "devices/serial_regs.h"

/* From so many LSR reads in a row on, the guest is polling. */
#define POLLS_WHILE_BLOCKED 16
#define POLLS_FOR_INPUT	    64
#define BLOCKED_POLL_NS	    1000000

struct fifo {
	uint8_t byte[FIFO_BYTES];
	unsigned int head, len;
};

struct serial {
	struct device device;
	struct irq irq;
	const struct log *log;
	struct log_limit *log_limit;
	const struct chario_host *host;
	pthread_mutex_t lock;
	pthread_cond_t transmitted; /* the transmitter has become empty */

	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t divisor[2];
	uint8_t line_errors; /* the part of LSR that a read clears */
	uint8_t msr_deltas;
	bool thre_pending; /* table IV: the transmitter's interrupt, which an IIR read clears */
	uint8_t raised;	   /* causes that the interrupt line has been raised for */
	struct fifo rx, tx;

	bool input_waits;	/* the console found no room and waits for resume() */
	bool input_polled;	/* the guest polls for input */
	unsigned int lsr_polls; /* in a row */
	uint64_t overruns;	/* bytes that the guest wrote to a full transmitter */
};

static void fifo_push(struct fifo *fifo, uint8_t byte)
{
	fifo->byte[(fifo->head + fifo->len++) % FIFO_BYTES] = byte;
}

static void fifo_drop(struct fifo *fifo, unsigned int n)
{
	fifo->head = (fifo->head + n) % FIFO_BYTES;
	fifo->len -= n;
}

/* 8.5: with the FIFOs off, each is the one holding register of a 16450. */
static unsigned int fifo_capacity(const struct serial *serial)
{
	return serial->fcr & FCR_ENABLE ? FIFO_BYTES : 1;
}

/* --- interrupts: 8.6, table IV --- */

/* The causes that are pending and enabled, as IER bits. */
static uint8_t pending_causes(const struct serial *serial)
{
	uint8_t causes = 0;

	if (serial->line_errors != 0)
		causes |= IER_LINE;
	if (serial->rx.len > 0)
		causes |= IER_RX;
	if (serial->thre_pending)
		causes |= IER_THRE;
	if (serial->msr_deltas != 0)
		causes |= IER_MSR;
	return causes & serial->ier;
}

/*
 * Raises the line if there is a cause that it was not raised for; `unmasked` says that the guest
 * may have missed an edge, so that any cause will do. On a PC the line is gated by OUT2, which
 * is off in loopback mode (8.8).
 */
static void update_irq(struct serial *serial, bool unmasked)
{
	bool open = (serial->mcr & (MCR_OUT2 | MCR_LOOP)) == MCR_OUT2;
	uint8_t causes = open ? pending_causes(serial) : 0;

	if ((causes & ~serial->raised) != 0 || (unmasked && causes != 0))
		irq_raise(&serial->irq);
	serial->raised = causes;
}

/* Whether it is the receiver's time-out that tells of what there is. */
static bool below_trigger(const struct serial *serial)
{
	static const uint8_t trigger_levels[] = {1, 4, 8, 14}; /* 8.5, FCR bits 6 and 7 */

	return serial->fcr & FCR_ENABLE && serial->rx.len < trigger_levels[serial->fcr >> 6];
}

/* Priorities of table IV; the transmitter's interrupt is cleared by being told. */
static uint8_t read_iir(struct serial *serial)
{
	uint8_t fifos = serial->fcr & FCR_ENABLE ? IIR_FIFOS : 0;
	uint8_t causes = pending_causes(serial);

	if (causes & IER_LINE)
		return fifos | IIR_LINE;
	if (causes & IER_RX)
		return fifos | (below_trigger(serial) ? IIR_TIMEOUT : IIR_RX);
	if (causes & IER_THRE) {
		serial->thre_pending = false;
		return fifos | IIR_THRE;
	}
	if (causes & IER_MSR)
		return fifos | IIR_MSR;
	return fifos | IIR_NONE;
}

/* --- modem lines: 8.8, 8.9 --- */

/* The far side is always there and ready; in loopback mode the outputs are the inputs. */
static uint8_t modem_lines(uint8_t mcr)
{
	uint8_t lines = 0;

	if (!(mcr & MCR_LOOP))
		return MSR_CTS | MSR_DSR | MSR_DCD;
	if (mcr & MCR_RTS)
		lines |= MSR_CTS;
	if (mcr & MCR_DTR)
		lines |= MSR_DSR;
	if (mcr & MCR_OUT1)
		lines |= MSR_RI;
	if (mcr & MCR_OUT2)
		lines |= MSR_DCD;
	return lines;
}

static void write_mcr(struct serial *serial, uint8_t value)
{
	uint8_t before = modem_lines(serial->mcr), after, changed;

	serial->mcr = value & (MCR_DTR | MCR_RTS | MCR_OUT1 | MCR_OUT2 | MCR_LOOP);
	after = modem_lines(serial->mcr);
	changed = before ^ after;
	if (changed & MSR_CTS)
		serial->msr_deltas |= MSR_DELTA_CTS;
	if (changed & MSR_DSR)
		serial->msr_deltas |= MSR_DELTA_DSR;
	if (changed & before & MSR_RI)
		serial->msr_deltas |= MSR_FALL_RI;
	if (changed & MSR_DCD)
		serial->msr_deltas |= MSR_DELTA_DCD;
}

/* --- receiver --- */

/* 8.4: a full FIFO keeps what it has, a full holding register does not. */
static void receive_byte(struct serial *serial, uint8_t byte)
{
	if (serial->rx.len >= fifo_capacity(serial)) {
		serial->line_errors |= LSR_OVERRUN;
		if (serial->fcr & FCR_ENABLE)
			return;
		fifo_drop(&serial->rx, 1);
	}
	fifo_push(&serial->rx, byte);
}

static unsigned int room_now(const struct serial *serial)
{
	bool listening = serial->mcr & MCR_RTS || serial->input_polled;

	/* 8.8: in loopback mode the receiver is disconnected from the line. */
	if (serial->mcr & MCR_LOOP || !listening || serial->rx.len >= fifo_capacity(serial))
		return 0;
	return fifo_capacity(serial) - serial->rx.len;
}

/* Asks for more once half of the FIFO is free, so that the console need not wake for each byte. */
static void resume_input(struct serial *serial)
{
	if (!serial->input_waits || room_now(serial) == 0 ||
	    serial->rx.len > fifo_capacity(serial) / 2)
		return;
	serial->input_waits = false;
	serial->host->resume(serial->host->ctx);
}

static uint8_t read_rbr(struct serial *serial)
{
	uint8_t byte = serial->rx.byte[serial->rx.head];

	if (serial->rx.len > 0)
		fifo_drop(&serial->rx, 1);
	/*
	 * Table IV: from below the trigger level on, each byte taken clears the interrupt, and the
	 * next time-out is a new one. It matters to a driver that goes by IIR alone; one that has
	 * looked at LSR takes all there is, and is spared the edges.
	 */
	if (serial->lsr_polls == 0 && below_trigger(serial))
		serial->raised &= (uint8_t)~IER_RX;
	return byte;
}

/* --- transmitter --- */

/* Gives the console what it takes. 8.11: the interrupt is due when the FIFO is empty. */
static void transmit(struct serial *serial)
{
	struct fifo *tx = &serial->tx;

	while (tx->len > 0) {
		unsigned int run =
			FIFO_BYTES - tx->head < tx->len ? FIFO_BYTES - tx->head : tx->len;
		size_t taken = serial->host->write(serial->host->ctx, &tx->byte[tx->head], run);

		fifo_drop(tx, (unsigned int)taken);
		if (taken < run)
			return;
	}
	serial->thre_pending = true;
	pthread_cond_broadcast(&serial->transmitted);
}

static void write_thr(struct serial *serial, uint8_t byte)
{
	serial->thre_pending = false;
	/*
	 * Table IV: this clears the interrupt as reading IIR does. A driver that goes by LSR alone,
	 * and writes a byte for each interrupt, waits for the next edge. One that has read IIR gets
	 * its edge anyway, once for all that it writes.
	 */
	if (serial->lsr_polls > 0)
		serial->raised &= (uint8_t)~IER_THRE;
	if (serial->mcr & MCR_LOOP) {
		receive_byte(serial, byte);
		serial->thre_pending = serial->tx.len == 0;
		return;
	}
	if (serial->tx.len >= fifo_capacity(serial)) {
		serial->overruns++;
		log_limited(serial->log, serial->log_limit, LOG_WARN,
			    "%s: the console is slow and the guest does not wait for it: "
			    "%llu bytes dropped",
			    serial->device.name, (unsigned long long)serial->overruns);
		return;
	}
	fifo_push(&serial->tx, byte);
	transmit(serial);
}

/* --- line status: 8.4 --- */

/*
 * A guest that polls while the console is stuck would burn a CPU and, if it is Linux's printk(),
 * give up after 10,000 polls (wait_for_lsr() in 8250_port.c) and overrun the transmitter.
 */
static void wait_for_transmitter(struct serial *serial)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += BLOCKED_POLL_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&serial->transmitted, &serial->lock, &until);
}

static uint8_t read_lsr(struct serial *serial)
{
	uint8_t value;

	if (serial->lsr_polls < POLLS_FOR_INPUT)
		serial->lsr_polls++;
	if (serial->tx.len > 0 && serial->lsr_polls >= POLLS_WHILE_BLOCKED)
		wait_for_transmitter(serial);
	else if (serial->tx.len == 0 && serial->lsr_polls >= POLLS_FOR_INPUT)
		serial->input_polled = true;

	value = serial->line_errors;
	serial->line_errors = 0;
	if (serial->rx.len > 0)
		value |= LSR_DATA;
	if (serial->tx.len == 0)
		value |= LSR_THRE | LSR_TEMT;
	return value;
}

/* --- register access --- */

/* 8.5. FCR bit 2, the transmitter's reset, is ignored: see the top of the file. */
static void write_fcr(struct serial *serial, uint8_t value)
{
	bool toggled = ((serial->fcr ^ value) & FCR_ENABLE) != 0;

	/* The other bits are programmed only while bit 0 is written as 1. */
	if (!(value & FCR_ENABLE))
		value = 0;
	if (toggled || value & FCR_CLEAR_RX) {
		serial->rx = (struct fifo){0};
		serial->line_errors = 0;
	}
	/* 8.11: the first transmitter interrupt after changing bit 0 is immediate. */
	if (toggled && serial->tx.len == 0)
		serial->thre_pending = true;
	serial->fcr = value & (FCR_ENABLE | FCR_DMA_MODE | FCR_TRIGGER);
}

static void write_ier(struct serial *serial, uint8_t value)
{
	uint8_t enabled = value & (uint8_t)~serial->ier;

	serial->ier = value & (IER_RX | IER_THRE | IER_LINE | IER_MSR);
	/* Enabling it while the transmitter is empty makes it due: how drivers begin to send. */
	if (enabled & IER_THRE && serial->tx.len == 0)
		serial->thre_pending = true;
}

static uint8_t read_register(struct serial *serial, uint64_t offset)
{
	uint8_t value;

	switch (offset) {
	case REG_DATA:
		return serial->lcr & LCR_DLAB ? serial->divisor[0] : read_rbr(serial);
	case REG_IER:
		return serial->lcr & LCR_DLAB ? serial->divisor[1] : serial->ier;
	case REG_FCR:
		return read_iir(serial);
	case REG_LCR:
		return serial->lcr;
	case REG_MCR:
		return serial->mcr;
	case REG_LSR:
		return read_lsr(serial);
	case REG_MSR:
		value = modem_lines(serial->mcr) | serial->msr_deltas;
		serial->msr_deltas = 0;
		return value;
	default:
		return serial->scr;
	}
}

static void write_register(struct serial *serial, uint64_t offset, uint8_t value)
{
	switch (offset) {
	case REG_DATA:
		if (serial->lcr & LCR_DLAB)
			serial->divisor[0] = value;
		else
			write_thr(serial, value);
		break;
	case REG_IER:
		if (serial->lcr & LCR_DLAB)
			serial->divisor[1] = value;
		else
			write_ier(serial, value);
		break;
	case REG_FCR:
		write_fcr(serial, value);
		break;
	case REG_LCR:
		serial->lcr = value;
		break;
	case REG_MCR:
		write_mcr(serial, value);
		break;
	case REG_SCR:
		serial->scr = value;
		break;
	default: /* LSR and MSR are only read */
		break;
	}
}

static uint8_t serial_read8(void *device, uint64_t offset)
{
	struct serial *serial = device;
	uint8_t value;

	pthread_mutex_lock(&serial->lock);
	/* A read of the byte that polling has found is a part of the polling. */
	if (offset != REG_LSR && offset != REG_DATA)
		serial->lsr_polls = 0;
	value = read_register(serial, offset);
	resume_input(serial);
	update_irq(serial, false);
	pthread_mutex_unlock(&serial->lock);
	return value;
}

static void serial_write8(void *device, uint64_t offset, uint8_t value)
{
	struct serial *serial = device;

	pthread_mutex_lock(&serial->lock);
	/* A guest that sets up the port does more than poll. */
	if (offset != REG_DATA && offset != REG_SCR)
		serial->input_polled = false;
	write_register(serial, offset, value);
	serial->lsr_polls = 0;
	resume_input(serial);
	update_irq(serial, offset == REG_IER || offset == REG_MCR);
	pthread_mutex_unlock(&serial->lock);
}

static uint64_t serial_read(void *device, uint64_t offset, unsigned int size)
{
	return isa_read(device, offset, size, serial_read8);
}

static void serial_write(void *device, uint64_t offset, unsigned int size, uint64_t value)
{
	isa_write(device, offset, size, value, serial_write8);
}

static const struct bus_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
};

/* --- the console's side --- */

static size_t serial_room(void *ctx)
{
	struct serial *serial = ctx;
	size_t room;

	pthread_mutex_lock(&serial->lock);
	room = room_now(serial);
	serial->input_waits = room == 0;
	pthread_mutex_unlock(&serial->lock);
	return room;
}

static void serial_receive(void *ctx, const uint8_t *bytes, size_t len)
{
	struct serial *serial = ctx;

	pthread_mutex_lock(&serial->lock);
	for (size_t i = 0; i < len; i++)
		receive_byte(serial, bytes[i]);
	update_irq(serial, false);
	pthread_mutex_unlock(&serial->lock);
}

static void serial_writable(void *ctx)
{
	struct serial *serial = ctx;

	pthread_mutex_lock(&serial->lock);
	if (serial->tx.len > 0)
		transmit(serial);
	update_irq(serial, false);
	pthread_mutex_unlock(&serial->lock);
}

/* --- life --- */

static void serial_destroy(struct device *device)
{
	struct serial *serial = (struct serial *)device;

	serial->host->attach(serial->host->ctx, NULL);
	pthread_cond_destroy(&serial->transmitted);
	pthread_mutex_destroy(&serial->lock);
	free(serial);
}

int serial_create(const struct device_env *env, uint16_t port, struct device **device)
{
	struct serial *serial = calloc(1, sizeof(*serial));
	pthread_condattr_t attr;
	int ret;

	if (serial == NULL)
		return -ENOMEM;
	serial->device = (struct device){.name = "serial", .destroy = serial_destroy};
	serial->irq = env->irq;
	serial->log = env->log;
	serial->log_limit = env->log_limit;
	serial->host = env->console;
	ret = bus_add(env->pio, port, SERIAL_NR_PORTS, &serial_ops, serial, serial->device.name);
	if (ret < 0) {
		free(serial);
		return ret;
	}
	pthread_mutex_init(&serial->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&serial->transmitted, &attr);
	pthread_condattr_destroy(&attr);
	serial->host->attach(serial->host->ctx, &(struct chario_port){
							.room = serial_room,
							.receive = serial_receive,
							.writable = serial_writable,
							.ctx = serial,
						});
	*device = &serial->device;
	return 0;
}
