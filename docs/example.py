"""The README's program."""

import numnet

mnist = numnet.load_mnist()
network = numnet.Network.mlp((784, 512, 256, 128, 10), activation="relu", dropout=0.2, seed=0)
print(network.summary())
validation = numnet.Validation(mnist.validation, show=print)
history = numnet.fit(network, mnist.train, epochs=3, schedule="one_cycle", callbacks=[validation])
print(f"trained in {history.seconds:.1f} s, last loss {history.losses[-1]:.3f}")
print(f"accuracy on the test set: {numnet.evaluate(network, mnist.test).accuracy:.2%}")
probabilities = network.predict(mnist.test.images[:3])
print("the first three images are", probabilities.argmax(axis=1), "with", probabilities.max(axis=1).round(3))
