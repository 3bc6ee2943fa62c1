"""Writes golden.json: what Python's OpenCV makes of the same portraits with the same networks, by code that shares
nothing with the package. Run with Debian's python3-opencv:

    python3 golden.py MODELS_DIR FACES_DIR > golden.json

Boxes and landmarks are fractions of the picture. It looks at the longer side at 640 pixels, and takes one face.
"""
import hashlib, json, pathlib, sys
import cv2
import numpy as np

models, faces = map(pathlib.Path, sys.argv[1:])
detector = cv2.dnn.readNetFromONNX(str(models / "face_detection_yunet_2023mar.onnx"))
embedder = cv2.dnn.readNetFromONNX(str(models / "mobilefacenet_arcface_ms1m.onnx"))
TEMPLATE = np.float32([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])


def detect(image):
    height, width = image.shape[:2]
    scale = 640 / max(width, height)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    h, w = small.shape[:2]
    small = cv2.copyMakeBorder(small, 0, -h % 32, 0, -w % 32, cv2.BORDER_CONSTANT)
    detector.setInput(cv2.dnn.blobFromImage(small))
    best = None
    for s in (8, 16, 32):
        cls, obj, box, kps = detector.forward([f"cls_{s}", f"obj_{s}", f"bbox_{s}", f"kps_{s}"])
        score = np.sqrt(cls.reshape(-1) * obj.reshape(-1))
        i = int(score.argmax())
        if best is None or score[i] > best[0]:
            row, col = divmod(i, small.shape[1] // s)
            b, k = box.reshape(-1, 4)[i], kps.reshape(-1, 5, 2)[i]
            c = (np.array([col, row]) + b[:2]) * s
            size = np.exp(b[2:]) * s
            best = (score[i], (c - size / 2) / scale, size / scale, (k + [col, row]) * s / scale)
    return best


def umeyama(src, dst):
    """The general form, by singular values."""
    ms, md = src.mean(0), dst.mean(0)
    u, d, vt = np.linalg.svd((dst - md).T @ (src - ms) / len(src))
    sign = np.diag([1, np.sign(np.linalg.det(u @ vt))])
    r = u @ sign @ vt
    scale = np.trace(np.diag(d) @ sign) / (src - ms).var(0).sum()
    return np.hstack([scale * r, (md - scale * r @ ms)[:, None]])


out = {}
for path in sorted(faces.glob("portraits/*/*")):
    image = cv2.imread(str(path))
    h, w = image.shape[:2]
    score, corner, size, points = detect(image)
    aligned = cv2.warpAffine(image, umeyama(points.astype(np.float64), TEMPLATE.astype(np.float64)), (112, 112))
    embedder.setInput(cv2.dnn.blobFromImage(aligned, swapRB=True))
    e = embedder.forward().reshape(-1)
    e /= np.linalg.norm(e)
    out[str(path.relative_to(faces))] = {
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "score": round(float(score), 4),
        "box": [round(float(v), 5) for v in (corner[0] / w, corner[1] / h, size[0] / w, size[1] / h)],
        "landmarks": [[round(float(x / w), 5), round(float(y / h), 5)] for x, y in points],
        "embedding": [round(float(v), 4) for v in e],
    }
json.dump(out, sys.stdout, indent=None, sort_keys=True)
print()
