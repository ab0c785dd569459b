/* SPDX-License-Identifier: MIT */
/* What no option can tell alone. */
#include "vmm/config/together.h"

#include <errno.h>
#include <string.h>

#include "vmm/x86/memmap.h"

static int check_disks_apart(const struct config *config, struct err *err)
{
	for (unsigned int i = 0; i < config->nr_disks; i++) {
		const struct disk_options *disk = &config->disk[i];

		for (unsigned int j = 0; j < i; j++) {
			const struct disk_options *other = &config->disk[j];

			if (disk->id[0] != '\0' && strcmp(disk->id, other->id) == 0)
				return err_set(err, -EINVAL,
					       "--disk %s: id=%s is that of --disk %s as well; "
					       "guests tell disks apart by it, give each its own",
					       disk->path, disk->id, other->path);
		}
	}
	return 0;
}

/* "=" before an IFNAME, for messages. */
static const char *equals(const struct tap_options *net)
{
	return net->ifname[0] != '\0' ? "=" : "";
}

static int check_nets_apart(const struct config *config, struct err *err)
{
	for (unsigned int i = 0; i < config->nr_nets; i++) {
		const struct tap_options *net = &config->net[i];
		const uint8_t *mac = net->mac;

		for (unsigned int j = 0; j < i; j++) {
			const struct tap_options *other = &config->net[j];

			if (net->mac_given && other->mac_given &&
			    memcmp(mac, other->mac, TAP_MAC_BYTES) == 0)
				return err_set(
					err, -EINVAL,
					"--net tap%s%s: mac=%02x:%02x:%02x:%02x:%02x:%02x is that "
					"of --net tap%s%s as well; give each its own",
					equals(net), net->ifname, mac[0], mac[1], mac[2], mac[3],
					mac[4], mac[5], equals(other), other->ifname);
			if (net->ifname[0] != '\0' && strcmp(net->ifname, other->ifname) == 0)
				return err_set(err, -EINVAL,
					       "--net tap=%s: given twice; a TAP carries the "
					       "packets of one interface; name another TAP",
					       net->ifname);
		}
	}
	return 0;
}

int config_check_together(const struct config *config, struct err *err)
{
	unsigned int slots = config->nr_disks + config->nr_nets + (config->rng == TRI_ON);
	int ret;

	if (config->kernel == NULL)
		return err_set(
			err, -EINVAL,
			"--kernel: missing; say what to boot with --kernel FILE, or see --help");
	if (config->irqchip == TRI_OFF && config->pit == TRI_ON)
		return err_set(
			err, -EINVAL,
			"--pit on: the timer needs interrupt controllers; drop --irqchip none "
			"or --pit on");
	if (slots > MEMMAP_MAX_SLOTS)
		return err_set(err, -EINVAL,
			       "--disk, --net, --rng: %u virtio devices, but there are %d slots; "
			       "give fewer",
			       slots, MEMMAP_MAX_SLOTS);
	ret = check_disks_apart(config, err);
	return ret == 0 ? check_nets_apart(config, err) : ret;
}
