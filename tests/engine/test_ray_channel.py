"""The line between a driver and its workers, over real sockets."""

import queue
import socket
from collections.abc import Iterator

import pytest

from penstock.engine.ray_channel import Desk, Line
from penstock.engine.ray_messages import DeskAddress, News, Word
from tests.waiting import wait_until

TOKEN = "token-of-the-tests"
SECONDS = 10.0


class Post:
    """What arrives at either end."""

    def __init__(self) -> None:
        self.news: queue.SimpleQueue[tuple[int, News, float]] = queue.SimpleQueue()
        self.words: queue.SimpleQueue[tuple[int, Word]] = queue.SimpleQueue()
        self.losses: queue.SimpleQueue[str] = queue.SimpleQueue()

    def line(self, address: DeskAddress) -> Line:
        """A worker's end that keeps what it hears."""
        return Line(
            address,
            lambda *word: self.words.put(word),
            lambda: self.losses.put("lost"),
        )


@pytest.fixture
def post() -> Post:
    """Nothing has arrived."""
    return Post()


@pytest.fixture
def desk(post: Post) -> Iterator[Desk]:
    """A desk on the loopback interface."""
    desk = Desk("127.0.0.1", TOKEN, lambda *news: post.news.put(news))
    yield desk
    desk.close()


def test_desk_hears_how_far_a_worker_is(desk: Desk, post: Post) -> None:
    """News arrives in order, with its ticket and number."""
    line = post.line(desk.address)

    line.say(7, News.BEGUN)
    line.say(7, News.DONE, 0.25)

    assert post.news.get(timeout=SECONDS) == (7, News.BEGUN, 0.0)
    assert post.news.get(timeout=SECONDS) == (7, News.DONE, 0.25)
    assert desk.has_begun(7)


def test_desk_tells_the_worker_that_has_a_ticket(desk: Desk, post: Post) -> None:
    """A word reaches the worker that runs the ticket, and no other."""
    other = Post()
    other.line(desk.address).say(8, News.BEGUN)
    post.line(desk.address).say(7, News.BEGUN)
    wait_until(lambda: desk.has_begun(7) and desk.has_begun(8), "both workers")

    is_told = [desk.tell(ticket, Word.CANCEL) for ticket in (7, 9)]

    assert is_told == [True, False]
    assert post.words.get(timeout=SECONDS) == (7, Word.CANCEL)
    assert other.words.empty()


def test_desk_forgets_what_has_ended(desk: Desk, post: Post) -> None:
    """A ticket that has ended reaches nobody."""
    post.line(desk.address).say(7, News.BEGUN)
    wait_until(lambda: desk.has_begun(7), "the worker")

    desk.forget(7)

    assert not desk.has_begun(7)
    assert not desk.tell(7, Word.DRAIN)


def test_desk_lets_nobody_in_without_the_token(desk: Desk, post: Post) -> None:
    """A stranger is hung up on, and what it says counts for nothing."""
    line = post.line(desk.address._replace(token="guessed"))

    line.say(7, News.BEGUN)

    assert post.losses.get(timeout=SECONDS)
    assert not desk.has_begun(7)


def test_desk_hangs_up_on_nonsense(desk: Desk, post: Post) -> None:
    """A caller that knows the token, but says what no worker says, is hung up on."""
    with socket.create_connection(desk.address[:2], timeout=SECONDS) as caller:
        caller.sendall(f"{TOKEN}\nhello\n".encode())

        assert caller.recv(1) == b""

    post.line(desk.address).say(7, News.BEGUN)
    assert post.news.get(timeout=SECONDS) == (7, News.BEGUN, 0.0)


def test_line_drops_what_cannot_be_said() -> None:
    """A worker whose desk is gone goes on, and is told that the line is dead."""
    post = Post()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = DeskAddress("127.0.0.1", listener.getsockname()[1], TOKEN)
        line = post.line(address)
        accepted, _ = listener.accept()
        accepted.close()

    assert post.losses.get(timeout=SECONDS)
    for _ in range(3):
        line.say(7, News.DONE, 0.5)


def test_desk_hangs_up_when_it_closes() -> None:
    """Workers learn at once that nobody waits for them any more."""
    post = Post()
    desk = Desk("127.0.0.1", TOKEN, lambda *news: post.news.put(news))
    post.line(desk.address).say(7, News.BEGUN)
    post.news.get(timeout=SECONDS)

    desk.close()

    assert post.losses.get(timeout=SECONDS)


def test_line_needs_a_desk() -> None:
    """Where nobody listens the worker knows at once."""
    desk = Desk("127.0.0.1", TOKEN, print)
    desk.close()
    post = Post()

    with pytest.raises(OSError):  # noqa: PT011  # whatever the system says
        post.line(desk.address)
