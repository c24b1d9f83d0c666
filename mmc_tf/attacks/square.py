"""Square Attack: random search over square windows (Andriushchenko et al., ECCV 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import tensorflow as tf

from mmc_tf.attacks import square_moves
from mmc_tf.attacks.base import Attack, Crafted
from mmc_tf.attacks.objectives import margin
from mmc_tf.attacks.oracle import Evaluation, Look, Oracle
from mmc_tf.attacks.registry import attacks
from mmc_tf.attacks.row_oracle import RowOracle
from mmc_tf.attacks.square_windows import patterns, stage, window_sides
from mmc_tf.attacks.starts import per_example
from mmc_tf.checks import check_number

BLOCK = 100  # iterations whose draws are made at once, and after which broken examples are laid aside
RESTART_STREAMS = 2**20  # each restart's own: 0 for its start, 1, 2, ... for its blocks


# (iteration, images (M, H, W, C), best (M, H, W, C), uniform (M, K)) -> candidates (M, H, W, C).
Propose = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class Search(NamedTuple):
    """How far each example is.

    Attributes:
        best: (N, H, W, C) the image of the least margin so far.
        lead: (N,) its margin M of the true class.
        unbroken: (N,) bool, still predicted as the true class, and attacked at all.
        queries: (N,) int32.
    """

    best: tf.Tensor
    lead: tf.Tensor
    unbroken: tf.Tensor
    queries: tf.Tensor


@attacks.register("square")
@dataclass(frozen=True, kw_only=True)
class Square(Attack):
    """Keeps a random change of one square window if the margin M = h_y - max_{j≠y} h_j falls.

    Starts and moves are `square_moves`; each example has windows and signs of its own. The windows' share p of
    the image is halved after 10, 50, 200, 500, 1,000, 2,000, 4,000, 6,000 and 8,000 iterations. An example is
    left alone once its prediction is wrong; M = 0 alone can be a tie that goes to the true class.

    Returns the clean image where nothing was found. AutoAttack's windows never reach the last row and column;
    these do, and break 6 points more of a linear classifier.

    Args:
        num_queries: budget >= 1 of one run, its start among them; 5,000 in AutoAttack.
        p_init: share of the image in the first windows, in (0, 1].
        rescale_schedule: stretch the schedule from 10,000 queries to the budget.
        num_restarts: runs >= 1 from independent starts.

    Raises:
        UserError: for values out of range.

    Example:
        >>> Square(epsilon=8 / 255).num_queries
        5000
    """

    name: ClassVar[str] = "square"
    norms: ClassVar[tuple[str, ...]] = ("linf", "l2", "l1")
    summary: ClassVar[str] = "score-based: random search over square windows"
    tunable_names: ClassVar[tuple[str, ...]] = ("epsilon", "num_queries", "num_restarts")
    takes_objective: ClassVar[bool] = False
    own_objective: ClassVar[str | None] = "margin"
    can_target: ClassVar[bool] = False
    differentiates: ClassVar[bool] = False
    oracle_type: ClassVar[type[Oracle]] = RowOracle
    takes_iterate: ClassVar[bool] = False

    num_queries: int = 5000
    p_init: float = 0.8
    rescale_schedule: bool = False
    num_restarts: int = 1

    def __post_init__(self):
        super().__post_init__()
        check_number("num_queries", self.num_queries, minimum=1, integer=True)
        check_number("p_init", self.p_init, above=0, maximum=1)
        check_number("num_restarts", self.num_restarts, minimum=1, integer=True)

    def run(
        self,
        oracle: RowOracle,
        images: tf.Tensor,
        *,
        indices: tf.Tensor,
        seed: tf.Tensor,
        tunables: Mapping[str, tf.Tensor],
        clean: Evaluation | Look | None,
        active: tf.Tensor,
    ) -> Crafted:
        """Searches from every start until the prediction is wrong."""
        shape = tuple(images.shape[1:])
        propose = self.proposals(shape, tunables)

        def draw(draws: tuple[int, ...], rows: tf.Tensor, restart: tf.Tensor, number: tf.Tensor | int):
            return per_example(
                lambda key: tf.random.stateless_uniform(draws, key, alg="philox"),
                tf.gather(indices, rows),
                seed=seed,
                stream=restart * RESTART_STREAMS + number,
                signature=tf.float32,
            )

        def begin(restart, unbroken, queries):
            rows = oracle.rows(unbroken)
            uniform = draw(square_moves.start_draws(shape, norm=self.norm), rows, restart, 0)
            points = square_moves.start(
                tf.gather(images, rows), uniform, norm=self.norm, epsilon=tunables["epsilon"]
            )
            points = tf.tensor_scatter_nd_update(images, rows[:, None], points)
            look = oracle.look(points, unbroken, objective=margin)
            queries += tf.cast(unbroken, tf.int32)
            return Search(
                points, -look.objective, unbroken & tf.equal(look.prediction, oracle.labels), queries
            )

        def attempt(restart, found, unbroken, queries):
            def continue_search(first, search):
                rows = oracle.rows(search.unbroken)
                block = first // BLOCK
                draws = (BLOCK, square_moves.move_draws(shape, norm=self.norm))
                part = search_block(
                    oracle.take(rows),
                    tf.gather(images, rows),
                    tf.transpose(draw(draws, rows, restart, 1 + block), [1, 0, 2]),
                    Search(*(tf.gather(values, rows) for values in search)),
                    propose=propose,
                    first=first,
                    end=tf.minimum((block + 1) * BLOCK, tunables["num_queries"]),
                )
                both = zip(search, part, strict=True)
                whole = (tf.tensor_scatter_nd_update(all_, rows[:, None], some) for all_, some in both)
                return (block + 1) * BLOCK, Search(*whole)

            def unfinished(first, search):
                return (first < tunables["num_queries"]) & tf.reduce_any(search.unbroken)

            # The start is query 0, which takes the place of iteration 0 of the schedule.
            state = (tf.constant(1), begin(restart, unbroken, queries))
            _, search = tf.while_loop(unfinished, continue_search, state, parallel_iterations=1)
            broken = unbroken & ~search.unbroken
            found = tf.where(broken[:, None, None, None], search.best, found)
            return restart + 1, found, search.unbroken, search.queries

        def any_unbroken(restart, found, unbroken, queries):
            return (restart < tunables["num_restarts"]) & tf.reduce_any(unbroken)

        state = (tf.constant(0), images, active, tf.zeros_like(oracle.labels))
        _, found, _, queries = tf.while_loop(any_unbroken, attempt, state, parallel_iterations=1)
        return Crafted(found, queries, tf.zeros_like(queries))

    def proposals(self, shape: tuple[int, ...], tunables: Mapping[str, tf.Tensor]) -> Propose:
        """The moves on images of a shape (H, W, C), by iteration."""
        sides = window_sides(self.p_init, shape[:2], odd=self.norm != "linf")
        table = None if self.norm == "linf" else tf.constant(patterns(sides, norm=self.norm))
        sides = tf.constant(sides, tf.float32)

        def propose(iteration, images, best, uniform):
            number = stage(iteration, tunables["num_queries"], rescale=self.rescale_schedule)
            return square_moves.move(
                images,
                best,
                uniform,
                side=sides[number],
                eta=None if table is None else table[number],
                norm=self.norm,
                epsilon=tunables["epsilon"],
            )

        return propose


def search_block(
    oracle: RowOracle,
    images: tf.Tensor,
    uniform: tf.Tensor,
    search: Search,
    *,
    propose: Propose,
    first: tf.Tensor,
    end: tf.Tensor,
) -> Search:
    """The iterations of one block.

    Args:
        oracle: answers for these examples.
        images: (M, H, W, C) clean images.
        uniform: (BLOCK, M, K) the draws of the block's iterations.
        search: the examples' state.
        propose: makes the candidates.
        first: scalar int32, the first iteration.
        end: scalar int32, the iteration to stop before.
    """

    def step(iteration, search):
        best, lead, unbroken, queries = search
        candidate = propose(iteration, images, best, uniform[iteration % BLOCK])
        look = oracle.look(candidate, unbroken, objective=margin)
        broken = unbroken & tf.not_equal(look.prediction, oracle.labels)
        better = broken | (unbroken & (-look.objective < lead))
        return iteration + 1, Search(
            tf.where(better[:, None, None, None], candidate, best),
            tf.where(better, -look.objective, lead),
            unbroken & ~broken,
            queries + tf.cast(unbroken, tf.int32),
        )

    def unfinished(iteration, search):
        return (iteration < end) & tf.reduce_any(search.unbroken)

    return tf.while_loop(unfinished, step, (first, search), parallel_iterations=1)[1]
