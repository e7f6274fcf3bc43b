"""Inference on encrypted images: a client encrypts, a server with a network in the clear answers, and only bytes pass.

CKKS (Cheon et al. 2017) by Microsoft SEAL, and a network of polynomials after CryptoNets (Gilad-Bachrach et al. 2016). The
server learns nothing of images or answers; the network was trained on images in the clear. Whoever decrypts must keep the
decrypted numbers to themselves: their last bits tell of the secret key (Li and Micciancio 2021).
"""
