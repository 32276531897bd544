"""A page to try the gate in a browser, with the embedded proof of work. No part of the middleware imports it."""
