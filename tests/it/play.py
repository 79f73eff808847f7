"""Runs a program on a terminal of its own and plays steps on it.

Usage: play.py STEPS PROGRAM [ARGUMENT...], where STEPS is JSON: ["await", TEXT], ["type", TEXT] or
["signal", NUMBER]. Prints {"status", "screen", "echo"} as JSON; a signal's number is negative.
"""

import fcntl, json, os, pty, select, struct, sys, termios, time

PATIENCE = 20  # seconds for one step

steps, command = json.loads(sys.argv[1]), sys.argv[2:]
master, slave = pty.openpty()
fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
child = os.fork()
if child == 0:
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(slave, stream)
    os.closerange(3, slave + 1)
    os.execvp(command[0], command)

screen, seen = "", 0


def read(deadline):
    """Whether something was shown before the deadline."""
    global screen
    ready, _, _ = select.select([master], [], [], max(0, deadline - time.monotonic()))
    if ready:
        screen += os.read(master, 65536).decode("utf-8", "replace")
    return bool(ready)


def ended():
    done, status = os.waitpid(child, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if done else None


status = None
for kind, what in steps:
    if kind == "await":
        deadline = time.monotonic() + PATIENCE
        while what not in screen[seen:]:
            if not read(deadline):
                os.kill(child, 9)
                sys.exit(f"{what!r} did not appear on:\n{screen}")
        seen = screen.index(what, seen) + len(what)
    else:
        # the program shows its prompt before it turns the echo off
        time.sleep(0.1)
        if kind == "type":
            os.write(master, what.encode())
        else:
            os.kill(child, what)

deadline = time.monotonic() + PATIENCE
while status is None:
    read(time.monotonic() + 0.02)
    status = ended()
    if time.monotonic() > deadline:
        os.kill(child, 9)
        sys.exit(f"the program did not end:\n{screen}")
while read(time.monotonic() + 0.05):
    pass
echo = bool(termios.tcgetattr(slave)[3] & termios.ECHO)
print(json.dumps({"status": status, "screen": screen, "echo": echo}))
