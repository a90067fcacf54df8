# SPDX-License-Identifier: GPL-2.0-only
"""Room kept on the disk of the results, for the case that it gets full."""
from __future__ import annotations

import os

SIZE = 8 << 20  # results.json as it was and as it will be, report.html, junit.xml: of all families 2.5 MiB
FILES = 32  # those, and what the machines that still run leave


class Reserve:
    """Files without a name: they go with the run, however that ends."""

    def __init__(self, folder: str) -> None:
        path = os.path.join(folder, ".reserve")
        self.files: list[int] = []
        os.register_at_fork(after_in_child=self.close)
        try:
            for _ in range(FILES):
                self.files.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
                os.unlink(path)
            os.posix_fallocate(self.files[0], 0, SIZE)
        except OSError:
            self.release()
            raise

    def release(self) -> bool:
        """Give the room back; whether there was any."""
        was_there = bool(self.files)
        self.close()
        return was_there

    def close(self) -> None:
        while self.files:
            os.close(self.files.pop())
