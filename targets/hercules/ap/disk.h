/* SPDX-License-Identifier: QPL-1.0 */
/*
 * The disk of disk.c, for those parts that know Hercules.
 */
#ifndef AP_DISK_H
#define AP_DISK_H

extern DEVHND ap_disk;

/* ap_disk_prepare - a machine without cards, until a disk of this type describes some */
void ap_disk_prepare(void);

#endif
