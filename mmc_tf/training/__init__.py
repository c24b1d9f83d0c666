"""Training: the loop, its schedules and checkpoints, and one recipe a method.

The names are imported when they are first used, so that a plan is checked without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "entry": ["train", "train_from_flags"],
        "loop": ["TrainingLoop"],
        "plan": ["TrainingPlan", "make_plan"],
        "runs": ["RunFolder", "find_newest", "load_run"],
        "settings": ["LoopSettings"],
    },
)
