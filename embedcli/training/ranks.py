"""Ranks: the processes of one training, started by `torchrun --nproc-per-node N --no-python embedcli train ...`.

Rank 0 is the program. It alone parses the command line, reads the ratings, prints, and saves the run. The other ranks
help it: each gets the ratings once, then does jobs in the order they come, and sends back what they return. A job is a
function of the training and its arguments, so where it runs changes no result. This is the only file that knows
torch.distributed; it imports torch only under the launcher.

No rank waits for ever. A process that ends closes its connections, and one that hangs, or whose machine is gone, sends
no more signs of life. In both cases one rank says so in one error, and all end.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar, cast

from embedcli.errors import EmbedcliError
from embedcli.progress import end
from embedcli.run.config import TrainConfig

Made = TypeVar("Made")
SIGN_OF_LIFE = 10.0  # seconds after which a rank that has nothing to send says that it is alive
PATIENCE = 120.0  # seconds without any sign from a rank after which it is given up
CHUNK = 1 << 26  # bytes sent at once: a slow network takes less than PATIENCE for them
VALUE, END, FAILED, SHARED, JOB, DONE = range(6)  # what a message between ranks is
HINT = "nothing was saved; the same command with --resume goes on from its last checkpoint, if it had one"


class Job(Generic[Made]):
    """Work of this process, done when its values are asked for."""

    def __init__(self, make: Callable[[], Iterator[Made]]) -> None:
        self._make, self._is_begun = make, False

    def __iter__(self) -> Iterator[Made]:
        """Yield what the job yields, or raise what it raises."""
        self._is_begun = True
        return self._make()

    def do(self) -> None:
        """Do the job now, unless it is begun; what it yields and raises comes when its values are asked for."""
        if self._is_begun:
            return
        made, errors = list[Made](), list[Exception]()
        try:
            made.extend(self)
        except Exception as error:
            errors.append(error)
        self._make = lambda: _again(made, errors)

    def value(self) -> Made:
        """Return the only value of the job."""
        (value,) = self
        return value


class Team:
    """The ranks of a training, as rank 0 knows them; alone, it does all jobs itself."""

    def __init__(self, lines: list[Line] | None = None) -> None:
        self._lines, self._training, self._answers = lines or [], cast(Any, None), dict[int, SimpleQueue[Any]]()
        self._own: list[Job[Any]] = []
        for line in self._lines:
            line.begin(self._sort)

    @property
    def size(self) -> int:
        """Number of ranks."""
        return 1 + len(self._lines)

    def share(self, training: Any) -> None:
        """Give all ranks what each job gets as its first argument."""
        self._training = training
        for line in self._lines:
            line.say((SHARED, training))

    def start(self, rank: int, work: Callable[..., Iterator[Made]], *arguments: Any) -> Job[Made]:
        """Have a rank do a job: call `work`, a function of a module, on the training that is shared and arguments.

        The other ranks begin at once, and rank 0 when the values are asked for.
        """
        if rank == 0:
            self._own.append(job := Job(lambda: work(self._training, *arguments)))
            return job
        number, answers = len(self._answers), SimpleQueue[Any]()
        self._answers[number] = answers
        self._lines[rank - 1].say((JOB, (number, work, arguments)))
        return Job(lambda: _received(answers))

    def spread(
        self, shares: list[list[int]], work: Callable[..., Iterator[Made]], parts: Sequence[Any], *arguments: Any
    ) -> list[Job[Made]]:
        """Have each rank that has a share of parts do a job: call `work` on its parts and arguments."""
        return [
            self.start(rank, work, [parts[number] for number in own], *arguments)
            for rank, own in enumerate(shares)
            if own
        ]

    def catch_up(self) -> None:
        """Do the jobs that rank 0 has left, before it waits for other ranks; alone, it waits for none."""
        own, self._own = self._own, []
        for job in own if self._lines else ():
            job.do()

    def dismiss(self) -> None:
        """Let the other ranks end, whatever they are doing."""
        for line in self._lines:
            line.is_over = True
            line.say((DONE, None))
        for line in self._lines:
            line.join()
        self._lines = []

    def _sort(self, message: Any) -> None:
        kind, (number, value) = message
        self._answers[number].put((kind, value))


def _again(made: list[Made], errors: list[Exception]) -> Iterator[Made]:
    """Yield what a job made, then raise its error, if any."""
    yield from made
    for error in errors:
        raise error


def _received(answers: SimpleQueue[Any]) -> Iterator[Any]:
    """Yield the values that another rank sends; raise its error."""
    while True:
        kind, value = answers.get()
        if kind == FAILED:
            raise value
        if kind == END:
            return
        yield value


class Line:
    """The connection with another rank: what is said is sent by one thread, and heard by another."""

    def __init__(self, other: int, on_loss: Callable[[int, float], None]) -> None:
        self.other, self.is_over, self._on_loss, self._heard = other, False, on_loss, time.monotonic()
        self._outbox = SimpleQueue[list[Any] | None]()
        self._threads: list[threading.Thread] = []

    def begin(self, on_message: Callable[[Any], None]) -> None:
        """Begin to send and to hear."""
        for work in (self._send_all, lambda: self._hear_all(on_message)):
            self._threads.append(threading.Thread(target=self._watched, args=(work,), daemon=True))
            self._threads[-1].start()

    def say(self, message: Any) -> None:
        """Send a message, in the order they are said, without waiting for it. It must not change any more."""
        buffers: list[pickle.PickleBuffer] = []
        head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
        self._outbox.put([head, *(buffer.raw() for buffer in buffers)])
        if message[0] == DONE:
            self._outbox.put(None)

    def join(self) -> None:
        """Wait until the other rank is gone."""
        for thread in self._threads:
            thread.join(PATIENCE)

    def _watched(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # of gloo: RuntimeError and others, by the version of torch
            if not self.is_over:
                self._on_loss(self.other, time.monotonic() - self._heard)

    def _send_all(self) -> None:
        import torch
        from torch import distributed

        def numbers(*values: int) -> None:
            distributed.send(torch.tensor(values, dtype=torch.int64), self.other)

        while True:
            try:
                parts = self._outbox.get(timeout=SIGN_OF_LIFE)
            except Empty:
                parts = []
            if parts is None:
                return
            numbers(len(parts))
            if parts:
                numbers(*map(len, parts))
            for part in parts:
                for begin in range(0, len(part), CHUNK):
                    chunk = bytearray(memoryview(part)[begin : begin + CHUNK])
                    distributed.send(torch.frombuffer(chunk, dtype=torch.uint8), self.other)

    def _hear_all(self, on_message: Callable[[Any], None]) -> None:
        import torch
        from torch import distributed

        def numbers(n: int) -> list[int]:
            values = torch.empty(n, dtype=torch.int64)
            distributed.recv(values, self.other)
            return cast(list[int], values.tolist())

        while True:
            (n_parts,) = numbers(1)
            self._heard = time.monotonic()
            if not n_parts:
                continue
            parts = [torch.empty(size, dtype=torch.uint8) for size in numbers(n_parts)]
            for part in parts:
                for chunk in part.split(CHUNK):
                    if len(chunk):
                        distributed.recv(chunk, self.other)
            head, *buffers = (part.numpy().data for part in parts)
            on_message(pickle.loads(head, buffers=buffers))


_team = Team()


def team() -> Team:
    """Return the ranks that work with this process: itself alone unless `run` joined others."""
    return _team


def run(program: Callable[[], None]) -> None:
    """Run the program as rank 0; as another rank, help rank 0 until it is done."""
    global _team
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    ending = _Ending(rank)
    _connect(rank, size, ending)
    if rank:
        _help(Line(0, ending.lost))
    _team = Team([Line(other, ending.lost) for other in range(1, size)])
    try:
        program()
    finally:
        ending.said()
        _team.dismiss()


def _connect(rank: int, size: int, ending: _Ending) -> None:
    """Connect all ranks."""
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # gloo's warnings of closed connections
    import torch
    from torch import distributed
    from torch.distributed.rendezvous import rendezvous

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    patience = timedelta(seconds=PATIENCE)
    try:
        store, *_ = next(rendezvous("env://", rank, size, timeout=patience))
        ending.store = store
        # arrays leave torch when they are trained, also on GPUs: gloo carries all of them
        distributed.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=patience)
    except (RuntimeError, ValueError) as error:
        ending.end(f"the {size} processes of torchrun did not connect: {str(error).splitlines()[0]}")


class _Ending:
    """The end of all ranks after one is lost: one rank, the first that claims it, says why."""

    def __init__(self, rank: int) -> None:
        self.rank, self.store, self._once, self._launcher = rank, cast(Any, None), threading.Lock(), os.getppid()
        if hasattr(signal, "pthread_sigmask"):
            # the launcher ends all by SIGTERM if one fails; a thread hears it also while the main one computes
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
            threading.Thread(target=self._hear_launcher, daemon=True).start()
        threading.Thread(target=self._watch_launcher, daemon=True).start()
        # rank 0 gets Ctrl-C as well and ends the others; it comes twice, from the terminal and from the launcher
        signal.signal(signal.SIGINT, signal.SIG_IGN if rank else _interrupt_once)

    def lost(self, other: int, silent_for: float) -> None:
        """End, because the connection with another rank, silent for these seconds, is lost."""
        is_silent = silent_for > PATIENCE - SIGN_OF_LIFE
        how = f"gave no sign of life for {PATIENCE:.0f} s" if is_silent else "ended before the training was done"
        self.end(f"rank {other} of {os.environ['WORLD_SIZE']} {how}")

    def end(self, message: str) -> None:
        """End this process, after an error if no rank has said one."""
        self._once.acquire()
        if os.getppid() != self._launcher:
            message = "torchrun was killed before the training was done"
        if self._is_first():
            end()
            with suppress(OSError, AttributeError):  # stderr is closed
                print(f"error: {message}", f"hint: {HINT}", sep="\n", file=sys.stderr, flush=True)
        os._exit(1)

    def said(self) -> None:
        """Claim that rank 0 has said how it ends: no other rank needs to."""
        self._is_first()

    def _is_first(self) -> bool:
        try:
            return bool(self.store.add(f"embedcli ends, {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", 1) == 1)
        except (AttributeError, RuntimeError):  # not connected, or the launcher is gone with its store
            return self.rank == 0

    def _watch_launcher(self) -> None:
        """End with the launcher: after a kill it has not ended this process."""
        while os.getppid() == self._launcher:
            time.sleep(1)
        self.end("")

    def _hear_launcher(self) -> None:
        signal.sigwait({signal.SIGTERM})
        self.end("torchrun ended the training: a process failed, or it was stopped")


def _interrupt_once(number: int, frame: object) -> None:
    """Interrupt the program as Ctrl-C does, but not while it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt


def _help(line: Line) -> None:
    """Do the jobs that rank 0 gives, until it is done."""
    jobs = SimpleQueue[Any]()

    def on_message(message: Any) -> None:
        if message[0] == DONE:
            os._exit(0)  # in the middle of a job, if rank 0 failed
        jobs.put(message)

    line.begin(on_message)
    import_module("embedcli.training.fit")  # while rank 0 reads, as is the engine
    import_module("embedcli.training.engines").engine_of(TrainConfig(), lambda line, seconds: None)
    training = None
    while True:
        kind, value = jobs.get()
        if kind == SHARED:
            training = value
            continue
        number, work, arguments = value
        try:
            for made in work(training, *arguments):
                line.say((VALUE, (number, made)))
            line.say((END, (number, None)))
        except Exception as error:
            line.say((FAILED, (number, _sendable(error))))


def _sendable(error: Exception) -> Exception:
    """Return an error that can be sent: itself, or its text."""
    if isinstance(error, EmbedcliError | ArithmeticError | MemoryError):
        return error
    return RuntimeError(f"{type(error).__name__}: {error}")
