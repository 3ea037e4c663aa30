"""The Membership Inference Test (MINT, arXiv 2402.09225) and its controls.

The words used everywhere, in names, prose, tables and figures:

audited model   the face-recognition model M(d given w) under test; the audit never trains it
member          an image in the audited model's training data D
held_out        an image not in D, of a person who has images in D
external        an image of a person with no image in D
query           an image whose membership is unknown
member person   a person with images in D
contrast        what is told from what: ``member_vs_external`` (the paper's),
                ``member_vs_held_out`` (same persons, other photos), ``held_out_vs_external``
                (was this *person* used, judged from photos the model never saw)
tap             a named layer of the audited model whose output is recorded
AAD             auxiliary auditable data N(d given w'): what the taps give, pooled per channel
                (vectors) or whole (maps)
outcome         the model outcome y = M(d): the embedding
head            the classifier's class centres; what an auditor has who works with the developer
detector        a MINT model T: ``vanilla`` (MLP on vectors) or ``cnn`` (CNN on maps)
rival           a membership-inference method that is not MINT
target          what a method looked at: ``audited``, or a control: ``untrained_twin`` (random
                weights), ``reference_twin`` (trained, never on that person), ``pixels`` (no model)
access          what an auditor must have: ``outcome``, ``activations``, ``twin`` (and reference
                models), ``head_blind``, ``head_named`` (and whose class is whose)
view            an image mirrored, shifted, scaled, blurred or noisy; consistency is over views
album           k images of one person, audited together
rung            one access level with one unit (an image, or an album of k images)
verdict         the sentence that the evidence supports
"""
