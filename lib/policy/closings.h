/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/overrides.h"

/*
 * Carries isolations and suspensions over to a policy, so that what they closed stays closed under
 * it and under every later one. They keep their order.
 *
 *   isolation   holds from now on also what the zone of its name is in this policy, and its
 *               networks on the wires where this policy has them; nothing leaves it. If it knew
 *               names alone, it gets the contents of the flows that it keeps; of a name that
 *               neither policy has no flow is kept.
 *   suspension  holds from now on also the names that its contents have in this policy, and the
 *               contents that its names have. Where its own name is gone, it goes by one of them. A
 *               name leaves it if it was only swapped: what has it now passed under another name in
 *               the policy before, and what was suspended has another name now.
 *
 * `before` is the policy that was enforced before; NULL: it is not known, and then what could be a
 * swap is taken in. Returns 0 or -ENOMEM; after an error `overrides` may be cleared only.
 */
int closings_carry(struct overrides *overrides, const struct policy *before,
                   const struct policy *policy);

/*
 * Adds a closing that the kernel holds: closings reach it before the disk. One that is known
 * already gets as strict as the kernel has it. Returns 1 if it was not known, 0, or -ENOMEM.
 */
int closings_adopt(struct overrides *overrides, const struct override *closing);
/* Makes an isolation as strict as another of the same zone: it keeps only what both keep, ends when
 * the later one ends, and has the makers and extents of both. Returns 0 or -ENOMEM. */
int isolation_tighten(struct override *isolation, const struct override *other);
