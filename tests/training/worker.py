"""One of several local processes that train together; prints the losses of its steps as JSON.

usage: worker.py NUM_STEPS    (TF_CONFIG says which worker this is)
"""

import json
import sys

import tensorflow as tf
from toy import losses_of, toy_loop

strategy = tf.distribute.MultiWorkerMirroredStrategy()
losses = losses_of(toy_loop(strategy=strategy, max_steps=int(sys.argv[1]), epochs=2))
print("losses " + json.dumps(losses.tolist()))
