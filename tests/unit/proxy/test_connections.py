"""Places for connections are shared: an address with few connections always gets a place."""

from hypothesis import given
from hypothesis import strategies as st

from node_poc.proxy.connections import Connections
from node_poc.proxy.settings import Limits

LIMITS = Limits(connections=12, connections_of_one=5, head_bytes_of_one=100)


class World:
    """Connections by address, as seen by their owners."""

    def __init__(self):
        self.connections = Connections(LIMITS)
        self.open = []

    def take(self, address):
        closed = []
        place = self.connections.take(address, lambda: closed.append(True))
        if place is not None:
            self.open.append((place, closed))
        self.open = [item for item in self.open if not item[1]]
        return place

    def held(self, address):
        return sum(place.address == address for place, _ in self.open)

    def most(self):
        return max(map(self.held, {place.address for place, _ in self.open}), default=0)


actions = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "end", "busy", "idle"]),
        st.sampled_from("abcdefgh"),
        st.integers(0, 20),
    ),
    max_size=80,
)


@given(actions)
def test_nobody_is_kept_out_by_one_who_holds_more(history):
    world = World()
    for action, address, number in history:
        if action == "take":
            held, total, most = world.held(address), len(world.open), world.most()
            got = world.take(address)
            if got is None:
                at_limit = held == LIMITS.connections_of_one
                assert at_limit or (total == LIMITS.connections and held + 2 > most)
            elif total == LIMITS.connections:
                assert world.most() >= world.held(address)
        elif world.open:
            place, _ = world.open[number % len(world.open)]
            if action == "end":
                world.connections.give_back(place)
                world.connections.give_back(place)
                world.open = [item for item in world.open if item[0] is not place]
            else:
                world.connections.set_busy(place, is_busy=action == "busy")
        assert len(world.open) <= LIMITS.connections
        assert world.most() <= LIMITS.connections_of_one
    for place, _ in world.open:
        world.connections.give_back(place)
    assert (world.connections._places, world.connections._count) == ({}, 0)


def full_world():
    world = World()
    for address in ("a", "a", "a", "a", "a", "b", "b", "b", "b", "c", "c", "c"):
        assert world.take(address)
    return world


def test_a_newcomer_gets_the_longest_idle_place_of_who_holds_most():
    world = full_world()
    mine = [place for place, _ in world.open if place.address == "a"]
    world.connections.set_busy(mine[0], is_busy=True)
    world.connections.set_busy(mine[1], is_busy=True)
    world.connections.set_busy(mine[1], is_busy=False)  # idle again, and the last to become idle
    assert world.take("new")
    assert mine[2] not in [place for place, _ in world.open]


def test_where_all_are_busy_the_youngest_request_gives_way():
    world = full_world()
    mine = [place for place, _ in world.open if place.address == "a"]
    for place in mine:
        world.connections.set_busy(place, is_busy=True)
    assert world.take("new")
    assert mine[-1] not in [place for place, _ in world.open]


def test_heads_of_one_address_count_together_and_are_given_back():
    connections = Connections(LIMITS)
    first, second = connections.take("a", list), connections.take("a", list)
    other = connections.take("b", list)
    assert connections.set_head_bytes(first, 60)
    assert connections.set_head_bytes(second, 40)
    assert not connections.set_head_bytes(second, 41)
    assert connections.set_head_bytes(other, 100)
    connections.give_back(second)
    assert connections.set_head_bytes(first, 100)
    assert connections.set_head_bytes(first, 0)
    third = connections.take("a", list)
    assert connections.set_head_bytes(third, 100)
    assert not connections.set_head_bytes(second, 1)  # the connection is closed
