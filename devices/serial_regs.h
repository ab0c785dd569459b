/* SPDX-License-Identifier: MIT */
/* The registers of a 16550A (PC16550D data sheet, 8.0), for the chip's model and its tests. */
#ifndef DEVICES_SERIAL_REGS_H
#define DEVICES_SERIAL_REGS_H

/* By offset; 0 and 1 are the divisor latch while LCR.DLAB is set. */
enum {
	REG_DATA, /* RBR when read, THR when written */
	REG_IER,
	REG_FCR, /* IIR when read */
	REG_LCR,
	REG_MCR,
	REG_LSR,
	REG_MSR,
	REG_SCR,
};

#define IER_RX	 0x01
#define IER_THRE 0x02
#define IER_LINE 0x04
#define IER_MSR	 0x08

#define IIR_ID	    0x0f
#define IIR_NONE    0x01
#define IIR_MSR	    0x00
#define IIR_THRE    0x02
#define IIR_RX	    0x04
#define IIR_LINE    0x06
#define IIR_TIMEOUT 0x0c
#define IIR_FIFOS   0xc0

#define FCR_ENABLE   0x01
#define FCR_CLEAR_RX 0x02
#define FCR_CLEAR_TX 0x04
#define FCR_DMA_MODE 0x08
#define FCR_TRIGGER  0xc0

#define LCR_DLAB 0x80

#define MCR_DTR	 0x01
#define MCR_RTS	 0x02
#define MCR_OUT1 0x04
#define MCR_OUT2 0x08
#define MCR_LOOP 0x10

#define LSR_DATA    0x01
#define LSR_OVERRUN 0x02
#define LSR_THRE    0x20
#define LSR_TEMT    0x40

#define MSR_DELTA_CTS 0x01
#define MSR_DELTA_DSR 0x02
#define MSR_FALL_RI   0x04
#define MSR_DELTA_DCD 0x08
#define MSR_CTS	      0x10
#define MSR_DSR	      0x20
#define MSR_RI	      0x40
#define MSR_DCD	      0x80

#define FIFO_BYTES 16

#endif
