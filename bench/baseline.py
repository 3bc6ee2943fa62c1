"""What Vigil is compared with: the same job, written straight down in Python with OpenCV.

Every fifth of a second of a video it looks for faces (YuNet), embeds each (MobileFaceNet) and compares it with the
people of a folder of folders of photos. OpenCV below 4.8 cannot run this YuNet by itself, so its outputs are decoded
here. One thread. Prints a line of JSON.
"""

import argparse
import json
import pathlib

import cv2
import numpy as np

FPS, SIDE, STEP, SCORE, OVERLAP, THRESHOLD = 5, 640, 32, 0.7, 0.3, 0.4
FACE = np.float32([(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041)])
OUTPUTS = [f"{kind}_{stride}" for kind in ("cls", "obj", "bbox", "kps") for stride in (8, 16, 32)]


class Detector:
    def __init__(self, path):
        self.net = cv2.dnn.readNetFromONNX(str(path))

    def __call__(self, picture):
        """Returns the five landmarks of each face, in pixels of the picture."""
        h, w = picture.shape[:2]
        scale = SIDE / max(h, w)
        small = cv2.resize(picture, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_AREA)
        bottom, right = -small.shape[0] % STEP, -small.shape[1] % STEP
        small = cv2.copyMakeBorder(small, 0, bottom, 0, right, cv2.BORDER_CONSTANT)
        self.net.setInput(cv2.dnn.blobFromImage(small))
        out = dict(zip(OUTPUTS, self.net.forward(OUTPUTS)))
        boxes, scores, points = [], [], []
        for stride in (8, 16, 32):
            rows, cols = small.shape[0] // stride, small.shape[1] // stride
            grid = np.stack(np.meshgrid(np.arange(cols), np.arange(rows)), -1).reshape(-1, 2)
            cls, obj, bbox, kps = (out[f"{kind}_{stride}"].reshape(len(grid), -1) for kind in ("cls", "obj", "bbox", "kps"))
            score = np.sqrt(np.clip(cls, 0, 1) * np.clip(obj, 0, 1))[:, 0]
            keep = score >= SCORE
            grid, bbox, kps = grid[keep], bbox[keep], kps[keep]
            size = np.exp(bbox[:, 2:]) * stride
            boxes += np.hstack([(grid + bbox[:, :2]) * stride - size / 2, size]).tolist()
            scores += score[keep].tolist()
            points += ((grid[:, None] + kps.reshape(-1, 5, 2)) * stride / scale).tolist()
        kept = cv2.dnn.NMSBoxes(boxes, scores, SCORE, OVERLAP)
        return [np.float32(points[i]) for i in np.reshape(kept, -1)]


class Embedder:
    def __init__(self, path):
        self.net = cv2.dnn.readNetFromONNX(str(path))

    def __call__(self, picture, points):
        matrix, _ = cv2.estimateAffinePartial2D(points, FACE, method=cv2.LMEDS)
        if matrix is None:
            return None
        self.net.setInput(cv2.dnn.blobFromImage(cv2.warpAffine(picture, matrix, (112, 112)), swapRB=True))
        vector = self.net.forward().ravel()
        return vector / np.linalg.norm(vector)


def enrol(folder, detect, embed):
    names, templates = [], []
    for photo in sorted(folder.glob("*/*")):
        picture = cv2.imread(str(photo))
        for points in detect(picture)[:1]:
            names.append(photo.parent.name)
            templates.append(embed(picture, points))
    return names, np.array(templates)


def watch(video, detect, embed, names, templates):
    capture = cv2.VideoCapture(str(video))
    rate = capture.get(cv2.CAP_PROP_FPS)
    pictures = faces = frame = 0
    seen = {}
    while capture.grab():
        due = frame * FPS // rate != (frame - 1) * FPS // rate
        frame += 1
        if not due:
            continue
        pictures += 1
        _, picture = capture.retrieve()
        for points in detect(picture):
            faces += 1
            vector = embed(picture, points)
            if vector is None:
                continue
            scores = templates @ vector
            best = int(np.argmax(scores))
            who = names[best] if scores[best] >= THRESHOLD else "unknown"
            seen[who] = seen.get(who, 0) + 1
    return {"frames": frame, "pictures": pictures, "faces": faces, "seen": seen}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=pathlib.Path)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--people", type=pathlib.Path, required=True)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    detect = Detector(args.models / "face_detection_yunet_2023mar.onnx")
    embed = Embedder(args.models / "mobilefacenet_arcface_ms1m.onnx")
    names, templates = enrol(args.people, detect, embed)
    print(json.dumps(watch(args.video, detect, embed, names, templates)))


if __name__ == "__main__":
    main()
