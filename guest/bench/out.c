/* SPDX-License-Identifier: MIT */
#include "guest/bench/out.h"

char *out_text(char *to, const char *text)
{
	while ((*to = *text++))
		to++;
	return to;
}

char *out_decimal(char *to, uint64_t value)
{
	char digits[20];
	unsigned int nr = 0;

	do
		digits[nr++] = (char)('0' + value % 10);
	while ((value /= 10) != 0);
	while (nr > 0)
		*to++ = digits[--nr];
	*to = '\0';
	return to;
}

char *out_decimal_fraction(char *to, double value)
{
	unsigned int decimals = 0;
	uint64_t scaled, power = 1;
	char fraction[24];

	if (value < 0) {
		*to++ = '-';
		value = -value;
	}
	if (!(value < 1e18)) /* also what is not a number; JSON has none of these */
		return out_text(to, "null");
	while (decimals < 15 && value * (double)power < 1e8) { /* nine significant digits */
		power *= 10;
		decimals++;
	}
	scaled = (uint64_t)(value * (double)power + 0.5);
	to = out_decimal(to, scaled / power);
	if (decimals == 0)
		return to;
	*to++ = '.';
	/* A one in front keeps the fraction's leading zeros. */
	out_decimal(fraction, scaled % power + power);
	return out_text(to, fraction + 1);
}

static void put(struct out *out, const char *text)
{
	/* Room stays for the closing brace. */
	while (*text && out->len < sizeof(out->text) - 4)
		out->text[out->len++] = *text++;
}

static void put_key(struct out *out, const char *key)
{
	put(out, out->len > 1 ? ",\"" : "\"");
	put(out, key);
	put(out, "\":");
}

/* RFC 8259, 7. */
static void put_string(struct out *out, const char *value)
{
	char one[2] = "";

	put(out, "\"");
	for (; *value; value++) {
		one[0] = (unsigned char)*value < 0x20 ? ' ' : *value;
		if (*value == '"' || *value == '\\')
			put(out, "\\");
		put(out, one);
	}
	put(out, "\"");
}

void out_begin(struct out *out, struct env *env, const char *event)
{
	out->env = env;
	out->len = 0;
	put(out, "{");
	if (event)
		out_string(out, "event", event);
}

void out_string(struct out *out, const char *key, const char *value)
{
	put_key(out, key);
	put_string(out, value);
}

void out_integer(struct out *out, const char *key, uint64_t value)
{
	char text[24];

	out_decimal(text, value);
	put_key(out, key);
	put(out, text);
}

void out_bool(struct out *out, const char *key, bool value)
{
	put_key(out, key);
	put(out, value ? "true" : "false");
}

void out_number(struct out *out, const char *key, double value)
{
	char text[48];

	out_decimal_fraction(text, value);
	put_key(out, key);
	put(out, text);
}

void out_end(struct out *out)
{
	out->text[out->len++] = '}';
	out->text[out->len++] = '\n';
	out->env->ops->write(out->env, out->text, out->len);
}
